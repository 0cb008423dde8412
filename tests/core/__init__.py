"""Tests of the modules principal and events."""
