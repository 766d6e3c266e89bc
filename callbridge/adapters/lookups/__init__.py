"""Other systems that know callers."""
