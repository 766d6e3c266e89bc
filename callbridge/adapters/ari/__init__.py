"""The ARI link to a PBX: events, orders, snapshots, and the question of whose the application is."""
