"""The settings. Without a database: what asks one raises."""

from __future__ import annotations

from typing import Any

from countermark import Keyring
from tests.frameworks.cases import SECRET

PROJECT = "tests.frameworks.django_project"

SECRET_KEY = "of the tests, and of nothing else, with enough bytes"
ALLOWED_HOSTS = ["testserver", "localhost"]
ROOT_URLCONF = f"{PROJECT}.urls"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "countermark.django",
    PROJECT,
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "countermark.django.middleware.SigningMiddleware",
]
AUTH_USER_MODEL = "django_project.Person"
AUTHENTICATION_BACKENDS = [f"{PROJECT}.people.Backend"]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
DATABASES: dict[str, Any] = {}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
LOGGING_CONFIG = None
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": ["countermark.django.context_processors.countermark"],
        },
    }
]
COUNTERMARK: dict[str, Any] = {
    "SIGNERS": {
        "stigg": {"keyring": Keyring(SECRET)},
        "helpscout": {"keyring": Keyring(SECRET)},
    }
}
