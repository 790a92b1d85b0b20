"""One database: opened with its tables up to date, sessions in transactions, errors in words."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from earmark.core.errors import StoreError
from earmark.core.optional import import_extra
from earmark.service.database.address import POSTGRES, database_url, shown, without_secrets
from earmark.service.database.migrate import READING, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

PATIENCE_S = 30.0  # how long one writer waits for another
CONNECT_S = 10
_PRIVATE = 0o600


class Database:
    """The database of the service; every method may be called from any thread.

    Args:
        url: Its address, from `database_url` or as text.

    Raises:
        ConfigError: The text is no URL of SQLite or PostgreSQL.
        MissingExtraError: PostgreSQL is named and its driver is not installed.

    Example:
        >>> database = Database("sqlite:///feedback.sqlite3")
        >>> database.open()
        >>> database.close()
    """

    def __init__(self, url: URL | str) -> None:
        self.url = database_url(url) if isinstance(url, str) else url
        self.is_postgres = self.url.drivername == POSTGRES
        self._engine = _postgres(self.url) if self.is_postgres else _sqlite(self.url)

    @property
    def name(self) -> str:
        """The address as it may be shown."""
        return shown(self.url)

    def open(self) -> None:
        """Make the database if need be, and bring its tables up to date.

        Raises:
            StoreError: It cannot be reached or written, or was made by a later version of earmark.
        """
        try:
            if not self.is_postgres:
                _make_private_file(Path(self.url.database or ""))
            with self._told(), self._engine.connect() as connection:
                if not self.is_postgres:
                    _write_ahead(connection)
                migrate(connection, self.name)
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """End all connections."""
        self._engine.dispose()

    @contextmanager
    def session(self, *, reading: bool = False) -> Iterator[Session]:
        """Give a transaction, committed at the end of the block and undone if it fails.

        Args:
            reading: Whether nothing is written, so that nobody has to wait for this one.

        Raises:
            StoreError: The database cannot be reached, or refuses.
        """
        engine = self._engine.execution_options(**{READING: reading})
        with self._told(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def hold(self, session: Session, name: str) -> None:
        """Wait until no other transaction holds this name, and hold it to the end of this one.

        On SQLite nothing is left to do: a transaction that writes is the only one.
        """
        if self.is_postgres:
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
            session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give a bare connection, for looking at the tables themselves.

        Raises:
            StoreError: The database cannot be reached.
        """
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            origin = getattr(error, "orig", None) or error
            words = without_secrets(" ".join(str(origin).split()), self.url)
            # "from None": the chain would show statements, values and perhaps the password.
            raise StoreError(f"database {self.name}: {words}") from None


def _postgres(url: URL) -> Engine:
    import_extra("psycopg", "postgres", "A PostgreSQL database")
    arguments: dict[str, Any] = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_S}
    # A connection that a restart of the server has cut is noticed before it is used.
    return create_engine(url, pool_pre_ping=True, connect_args=arguments, hide_parameters=True)


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": PATIENCE_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not where the driver sees fit
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")  # what was answered "stored" outlives a power cut

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once if somebody wrote between; one that takes the
        # write lock at its start waits for it.
        reading = connection.get_execution_options().get(READING, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _make_private_file(path: Path) -> None:
    """Make the file readable for its owner alone before SQLite, which would not, makes it; -wal and -shm follow it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _PRIVATE))
        path.chmod(_PRIVATE)
    except OSError as error:
        raise StoreError(
            f"database {path}: cannot be written ({error.strerror or error}); name another folder with --state-dir"
        ) from error


def _write_ahead(connection: Connection) -> None:
    """Let readers and one writer work at once. Only the first process ever changes the mode, which stays."""
    raw: Any = connection.connection.dbapi_connection
    end_s = time.monotonic() + PATIENCE_S
    while raw.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end_s:  # where two change it at once, one is refused without any waiting
                raise
            time.sleep(0.05)
