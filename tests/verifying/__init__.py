"""Tests of verifying, behind both protocols."""
