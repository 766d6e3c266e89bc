"""The configuration: YAML files in, checked settings and the core's plan out, every fault named with its place.

Nothing is imported here: commands that only ask a server need durations and the words for faults, and are to start at once.
"""
