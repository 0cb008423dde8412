"""Finds secrets where they must not be: in responses, builds, images and histories."""

from countermark.events import Leak as Leak
from countermark.leaks._guard import LeakMode as LeakMode
from countermark.leaks._secrets import Secrets as Secrets
from countermark.leaks._secrets import secrets_from_env as secrets_from_env
