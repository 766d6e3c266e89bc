"""The operating system: threads, tasks, garbage collection, the service manager."""
