from __future__ import annotations

import contextlib
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from earmark.core.errors import ConfigError, MissingExtraError, StoreError
from earmark.service.database import ApiKey, Database, engine
from tests.service.postgres import PASSWORD, Server

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def key(name: str) -> ApiKey:
    return ApiKey(name=name, digest=name.ljust(64, "0"), rate_per_minute=60, created_at=NOON)


def names(database: Database) -> list[str]:
    with database.session(reading=True) as session:
        return list(session.scalars(select(ApiKey.name).order_by(ApiKey.name)))


def test_what_is_written_is_there_after_opening_again(url: str) -> None:
    for name in ("ada", "ben"):
        database = Database(url)
        database.open()
        with database.session() as session:
            session.add(key(name))
        database.close()
    again = Database(url)
    again.open()
    assert names(again) == ["ada", "ben"]
    with again.session(reading=True) as session:
        assert session.scalars(select(ApiKey)).first().created_at == NOON  # type: ignore[union-attr]
    again.close()


def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.session() as session:
            session.add(key("ada"))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert names(database) == []


def test_what_breaks_a_rule_is_refused_in_words_without_values(database: Database) -> None:
    with database.session() as session:
        session.add(key("ada"))
    with pytest.raises(StoreError, match=r"database .*(UNIQUE|unique)") as caught, database.session() as session:
        session.add(key("ada"))
    assert not isinstance(caught.value.__cause__, IntegrityError)
    assert "INSERT" not in str(caught.value)


def test_two_replicas_write_at_once_and_nothing_is_lost(url: str) -> None:
    replicas = [Database(url), Database(url)]
    for replica in replicas:
        replica.open()
    together = threading.Barrier(8)

    def write(worker: int) -> None:
        together.wait()
        for number in range(10):
            with replicas[worker % 2].session() as session:
                n_before = len(list(session.scalars(select(ApiKey.id))))  # reads first, as a real transaction does
                session.add(key(f"{worker}-{number}-{n_before}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(names(replicas[0])) == 80
    for replica in replicas:
        replica.close()


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    with database.session() as session:
        session.add(key("ada"))
        session.flush()
        assert names(database) == []
    assert names(database) == ["ada"]


def test_sqlite_is_a_private_file_that_logs_ahead(tmp_path: Path) -> None:
    path = tmp_path / "state" / "file.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.open()
    with database.session() as session:
        session.add(key("ada"))
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert session.execute(text("PRAGMA busy_timeout")).scalar() == 30_000
    files = sorted(path.parent.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    database.close()


def test_a_folder_that_cannot_be_written_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/db\.sqlite3: cannot be written .* --state-dir"):
        Database(f"sqlite:///{tmp_path / 'file' / 'db.sqlite3'}").open()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("I am a text, and long enough to be looked at as a database. " * 20)
    with pytest.raises(StoreError, match="not a database"):
        Database(f"sqlite:///{path}").open()
    assert path.read_text().startswith("I am a text")


def test_a_file_that_somebody_else_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PATIENCE_S", 0.05)
    path = tmp_path / "file.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (a INTEGER)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="database is locked"):
            Database(f"sqlite:///{path}").open()


def test_a_wrong_password_is_told_without_any_password(server: Server) -> None:
    url = server.url(password="Tr0ub4dor&3")  # noqa: S106
    with pytest.raises(StoreError, match="password authentication failed") as caught:
        Database(url).open()
    assert "Tr0ub4dor" not in repr(caught.value) + str(caught.value.__cause__)
    assert caught.value.__suppress_context__
    assert PASSWORD not in Database(server.url()).name
    assert PASSWORD not in repr(Database(server.url()).__dict__)


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"postgresql\+psycopg://ada:\*\*\*@/x.*No such file"):
        Database(f"postgresql://ada:pw@/x?host={tmp_path}").open()


def test_a_session_without_a_server_is_told_too(tmp_path: Path) -> None:
    database = Database(f"postgresql://ada:pw@/x?host={tmp_path}")
    with pytest.raises(StoreError, match="No such file"), database.session() as session:
        session.execute(text("SELECT 1"))


def test_a_missing_driver_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*'earmark\[postgres\]'"):
        Database("postgresql://ada@host/x")


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ConfigError, match='begins with "mysql://"'):
        Database("mysql://ada:secret@host/x")
