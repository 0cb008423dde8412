"""Settings of Django without countermark."""

SECRET_KEY = "of the tests alone"
USE_TZ = True
