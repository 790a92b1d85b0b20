"""Run by alembic: the steps are taken in the transaction that `migrate` has begun."""

from __future__ import annotations

from alembic import context

from earmark.service.database.migrate import VERSION_TABLE
from earmark.service.database.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
