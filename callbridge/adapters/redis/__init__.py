"""Redis: the saved world, the outbox with its cursors, the public projection and stream."""
