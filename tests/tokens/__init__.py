"""Tests of making and reading tokens."""
