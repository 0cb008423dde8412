"""The settings. The package that is tried and the database come from the environment."""

from __future__ import annotations

import os

from countermark import Keyring
from tests.frameworks.cases import SECRET

PROJECT = "tests.frameworks.django_staff"
PACKAGE = os.environ["STAFF_PACKAGE"]
MIDDLEWARE_OF_PACKAGES = {
    "hijack": ["hijack.middleware.HijackUserMiddleware"],
    "impersonate": ["impersonate.middleware.ImpersonateMiddleware"],
}

SECRET_KEY = "of the tests, and of nothing else, with enough bytes"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = f"{PROJECT}.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.sessions",
    "countermark.django",
    PACKAGE,
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    *MIDDLEWARE_OF_PACKAGES.get(PACKAGE, []),
    "countermark.django.middleware.SigningMiddleware",
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
if PACKAGE == "django_su":
    AUTHENTICATION_BACKENDS.append("django_su.backends.SuBackend")
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["STAFF_DATABASE"]}
}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
LOGGING_CONFIG = None
COUNTERMARK = {
    "SIGNERS": {"stigg": {"keyring": Keyring(SECRET)}},
    "ON_EVENT": f"{PROJECT}.play.counter",
}
