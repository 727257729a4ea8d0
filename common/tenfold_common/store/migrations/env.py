"""What Alembic runs to migrate: on the connection that ``migrations.upgrade`` hands over, in its transaction."""

from alembic import context

from tenfold_common.store.tables import metadata, version

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=version.name,
    render_as_batch=True,  # SQLite changes a table by rebuilding it
)
with context.begin_transaction():
    context.run_migrations()
