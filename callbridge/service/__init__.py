"""The process: builds the parts from the settings, starts and stops them, answers the HTTP interface."""
