"""Calls that we make: campaigns and callbacks."""
