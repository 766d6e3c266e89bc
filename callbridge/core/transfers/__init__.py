"""Transfers and supervision of talks."""
