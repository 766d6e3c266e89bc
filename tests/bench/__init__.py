"""Benchmarks: each compares in one run, prints a table for people, and with ``--json`` one object on the last line."""
