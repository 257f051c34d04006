"""Splits that cannot leak, and the check that they do not."""
