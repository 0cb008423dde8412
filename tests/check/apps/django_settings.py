"""Settings of Django, with seven faults."""

from countermark import Keyring

COUNTERMARK = {"SIGNERS": {"stigg": {"keyring": Keyring("too short")}, "intercom-hmac": {}}}
COUNTERMARK_VERIFYING = {"VERIFIER": "stigg", "MODE": "enforce"}
CORS_ALLOWED_ORIGINS = ["https://app.example"]
CORS_ALLOWED_ORIGIN_REGEXES = ["https?://"]
CORS_ALLOW_CREDENTIALS = True
CORS_EXPOSE_HEADERS = ["Stigg-Customer-Token", "Intercom-User-Hash"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "countermark.django",
]
MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
    "countermark.django.verifying.VerifyingMiddleware",
    "countermark.django.middleware.SigningMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
SECRET_KEY = "of the tests alone"
USE_TZ = True
