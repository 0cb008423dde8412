from __future__ import annotations

from django.urls import include, path
from django.views.decorators.cache import cache_page

from tests.frameworks.django_project import views

urlpatterns = [
    path("page", views.page),
    path("login", views.told("identify", "user-2")),
    path("logout", views.told("forget")),
    path("stream", views.stream),
    path("redirect", views.redirected),
    path("not-modified", views.not_modified),
    path("bare-304", views.bare_304),
    path("error", views.error),
    path("file", views.file),
    path("public", views.public),
    path("signatures", include("countermark.django.urls")),
    path("plain", views.plain),
    path("shared", views.shared),
    path("cookies", views.cookies),
    path("cached", cache_page(60)(views.page)),
    path("cached-plain", cache_page(60)(views.plain)),
    path("in/<str:user>", views.sign_in),
    path("out", views.sign_out),
    path("async", views.apage),
    path("async-unloaded", views.apage_unloaded),
    path("async-in/<str:user>", views.asign_in),
    path("async-out", views.asign_out),
    path("async-stream", views.astream),
    path("nonce", views.nonce),
    path("hijack", views.hijack),
    path("forged", views.forged),
    path("odd/<int:nth>", views.odd),
    path("public-read", views.public_read),
    path("counted", views.counted),
]
