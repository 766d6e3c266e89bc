"""Async and thin: what talks to the world outside. Adapters decide nothing."""
