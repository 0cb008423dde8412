"""A small Django site that signs its users for Stigg: sign in, sign out, a page, the endpoint.

Set STIGG_SIGNING_SECRET, and then:

    python app.py migrate
    python app.py createsuperuser
    python app.py runserver
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.urls import include, path
from django.views.generic import TemplateView

HERE = Path(__file__).parent

# settings
COUNTERMARK = {"SIGNERS": ["stigg"]}  # its secret is in STIGG_SIGNING_SECRET
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "countermark.django",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "countermark.django.middleware.SigningMiddleware",
]
# end of the settings

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    COUNTERMARK=COUNTERMARK,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get("DATABASE", HERE / "db.sqlite3"),
        }
    },
    INSTALLED_APPS=INSTALLED_APPS,
    LOGIN_REDIRECT_URL="/",
    LOGOUT_REDIRECT_URL="/",
    MIDDLEWARE=MIDDLEWARE,
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("SECRET_KEY", "for this example alone"),
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [HERE / "templates"],
            "OPTIONS": {"context_processors": ["django.contrib.auth.context_processors.auth"]},
        }
    ],
    USE_TZ=True,
)

django.setup()

urlpatterns = [
    path("", TemplateView.as_view(template_name="page.html")),
    path("", include("django.contrib.auth.urls")),
    path("signatures", include("countermark.django.urls")),
]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    application = get_wsgi_application()  # for gunicorn: app:application
