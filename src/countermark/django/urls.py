"""URLs for ``path("signatures", include("countermark.django.urls"))``.

The module for the front end is at ``signatures/countermark.js``.
"""

from __future__ import annotations

from django.urls import path, re_path

from countermark.django._views import script, signatures

app_name = "countermark"
urlpatterns = [
    path("", signatures, name="signatures"),
    # The slash may be part of the included path. A pattern that begins with one is a warning.
    re_path(r"^[/]?countermark\.js$", script),
]
