"""Tests of the stand-ins, of the assertions, and of the plugin of pytest."""
