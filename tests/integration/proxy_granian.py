"""The applications of ``proxy_apps`` in granian's wrappers, which replace the peer's address."""

from __future__ import annotations

from typing import Any

from granian.utils import proxies

from tests.integration import proxy_apps


def __getattr__(name: str) -> Any:
    if name.startswith("asgi"):
        return proxies.wrap_asgi_with_proxy_headers(getattr(proxy_apps, name), "*")
    return proxies.wrap_wsgi_with_proxy_headers(getattr(proxy_apps, name), "*")
