"""Tests of counting verdicts, and of the report."""
