"""Django under ASGI, in a wrapper, with four faults, one of which its settings silence."""

import os
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

from countermark import Keyring, Verifier
from countermark.asgi import VerifyingMiddleware
from countermark.rollout import Meter

settings.configure(
    COUNTERMARK={"SIGNERS": ["stigg"]},
    CORS_ALLOW_ALL_ORIGINS=True,
    CORS_ALLOW_CREDENTIALS=True,
    CORS_ALLOW_HEADERS=["*"],
    CORS_EXPOSE_HEADERS=["Stigg-Customer-Token"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "countermark.django"],
    MIDDLEWARE=[
        "corsheaders.middleware.CorsMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "countermark.django.middleware.SigningMiddleware",
    ],
    SECRET_KEY="of the tests alone",
    SILENCED_SYSTEM_CHECKS=["countermark.W007"],
    USE_TZ=True,
)

django = get_asgi_application()

from django.contrib.auth.models import Group  # noqa: E402  # needs the settings


def tenant(scope: Any) -> Any:
    return Group.objects.get(user=scope["session"]["user_id"]).pk


application = VerifyingMiddleware(
    django,
    verifier=Verifier("stigg", Keyring(os.environ["STIGG_SIGNING_SECRET"] * 4)),
    mode="off",
    meter=Meter(),
    tenant=tenant,
)
