"""The process: builds its components from the settings, starts and stops them, and serves HTTP."""
