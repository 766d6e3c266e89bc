"""The operating system: threads, tasks, the service manager."""
