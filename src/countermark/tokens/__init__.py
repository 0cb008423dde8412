"""Makes and reads the token of one scheme with one key."""
