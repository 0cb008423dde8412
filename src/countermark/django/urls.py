"""URLs for ``path("signatures", include("countermark.django.urls"))``."""

from __future__ import annotations

from django.urls import path

from countermark.django._views import signatures

app_name = "countermark"
urlpatterns = [path("", signatures, name="signatures")]
