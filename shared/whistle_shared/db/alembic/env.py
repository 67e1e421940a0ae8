"""Alembic's environment for every service: online only, one transaction for all steps, one migrator at a time."""

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
connection.execute(text("select pg_advisory_xact_lock(hashtextextended('whistle migrate', 0))"))
context.configure(connection=connection, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
