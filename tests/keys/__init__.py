"""Tests of secrets and keyrings."""
