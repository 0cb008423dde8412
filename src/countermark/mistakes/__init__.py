"""Finds the mistake that explains a refused token."""
