"""Tests of signing, of its parts and through the middlewares."""
