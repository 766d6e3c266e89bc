"""Files that may be large or slow."""
