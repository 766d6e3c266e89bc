"""Alembic's environment: the connection is given by ``schema.migrate``, which also holds the transaction."""

from __future__ import annotations

from alembic import context

from callbridge.adapters.database.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
