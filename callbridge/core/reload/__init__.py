"""A new configuration: what it changes, for whom, and how it is taken over."""
