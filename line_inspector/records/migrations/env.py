"""Run by Alembic for every migration: on the connection, and in the transaction, that `migration.py` has opened."""

from alembic import context

from line_inspector.records.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
