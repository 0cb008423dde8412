"""Tests of signers and the identity of a request."""
