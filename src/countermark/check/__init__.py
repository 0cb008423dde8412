"""Reads the configuration of an application, and reports its mistakes."""
