"""Tables brought up to date where a database is opened, by one process at a time."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from earmark.core.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSION_TABLE = "earmark_version"  # not alembic's own name: another program may keep its versions in the same database
# Any number, as long as all replicas ask for the same one: the first eight bytes of "earmark!" as an integer.
MIGRATION_LOCK = int.from_bytes(b"earmark!", "big")
READING = "earmark_reading"  # execution option of a connection that takes no write lock
_ONE_AT_A_TIME = threading.Lock()  # alembic's `op` and `context` are the same for all threads of a process
FOLDER = Path(__file__).with_name("migrations")


def migrate(connection: Connection, name: str, revision: str = "head") -> None:
    """Bring the tables of a database to a revision, all steps or none.

    Args:
        connection: Without a transaction.
        name: The database, for messages.
        revision: Where to; the latest.

    Raises:
        StoreError: The tables were made by a later version of earmark.
    """
    config = _config(connection)
    scripts = ScriptDirectory.from_config(config)
    if revision == "head" and _found(connection) == scripts.get_current_head():
        return
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        # On SQLite the transaction itself has the only write lock.
        found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
        known = [script.revision for script in scripts.walk_revisions()]
        if found is not None and found not in known:
            raise StoreError(
                f"database {name}: its tables are of revision {found}, which this version of earmark does not know "
                f"(it knows up to {known[0]}); upgrade earmark, or name another database"
            )
        with _ONE_AT_A_TIME:
            command.upgrade(config, revision)
    logging.getLogger(__name__).info("database %s: tables brought from %s to %s", name, found or "nothing", revision)


def _found(connection: Connection) -> str | None:
    connection.execution_options(**{READING: True})
    with connection.begin():
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        revision = context.get_current_revision()
    connection.execution_options(**{READING: False})
    return revision


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
