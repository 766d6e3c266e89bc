"""Transfers and supervision."""
