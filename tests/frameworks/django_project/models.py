"""A user model that is never written to a database."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models


class Person(AbstractBaseUser):  # type: ignore[misc]
    id = models.CharField(primary_key=True, max_length=600)
    email = models.CharField(max_length=600, blank=True)
    first_name = models.CharField(max_length=100, blank=True)
    last_login: Any = None  # else each login writes it

    USERNAME_FIELD = "id"

    def get_full_name(self) -> str:
        return f"{self.first_name} ".strip()
