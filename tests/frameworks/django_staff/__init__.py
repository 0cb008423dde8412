"""A Django project with a database, in which staff act as users by the usual packages."""
