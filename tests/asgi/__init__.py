"""Tests of the ASGI middlewares."""
