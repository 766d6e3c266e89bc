"""The ARI link to a PBX: events, orders, snapshots, and the ownership of the application."""
