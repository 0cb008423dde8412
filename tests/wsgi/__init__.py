"""Tests of the WSGI middlewares."""
