"""A new configuration: what it changes, who is affected, and how it is adopted."""
