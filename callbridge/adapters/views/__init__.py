"""What others may see of the world, as plain data: for HTTP, Redis and commands."""
