"""IVR flows and surveys: callers are led from node to node."""
