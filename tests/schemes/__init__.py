"""Tests of the package schemes."""
