"""Sends complete responses under WSGI."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from countermark._responses import Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


def send_response(response: Response, start_response: StartResponse) -> list[bytes]:
    """Start a response, and return its body."""
    start_response(status_line(response.status), response.headers)
    return [response.body]


def status_line(status: int) -> str:
    """Return the status with its reason phrase, as WSGI needs it."""
    return f"{status} {HTTPStatus(status).phrase}"
