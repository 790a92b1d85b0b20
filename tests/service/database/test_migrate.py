from __future__ import annotations

import contextlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from earmark.core.errors import StoreError
from earmark.service.database import ApiKey, Base, Database
from earmark.service.database.migrate import VERSION_TABLE, migrate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

FIRST, LAST = "0001", "0002"


def revision(database: Database) -> str | None:
    with database.connect() as connection:
        return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def tables(database: Database) -> set[str]:
    with database.connect() as connection:
        return set(inspect(connection).get_table_names())


@contextlib.contextmanager
def at_first_revision(url: str) -> Iterator[Database]:
    """Give a database as the first version left it, with a key in it."""
    database = Database(url.replace("new/", "") if url.startswith("sqlite") else url)
    with database.connect() as connection:
        migrate(connection, "old", FIRST)
    with database.session() as session:
        session.execute(
            text(
                "INSERT INTO earmark_keys (id, name, digest, rate_per_minute, created_at) "
                "VALUES (7, 'ada', :digest, 60, :now)"
            ),
            {"digest": "d" * 64, "now": datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None).isoformat(" ")},
        )
    yield database
    database.close()


@pytest.fixture
def old(url: str) -> Iterator[Database]:
    with at_first_revision(url) as database:
        yield database


def test_an_empty_database_gets_everything(database: Database) -> None:
    assert revision(database) == LAST
    assert tables(database) == {*Base.metadata.tables, VERSION_TABLE}


def test_a_database_of_the_first_revision_keeps_what_it_has(old: Database) -> None:
    database = old
    assert revision(database) == FIRST
    assert "earmark_feedback" not in tables(database)
    database.open()
    assert revision(database) == LAST
    assert "earmark_feedback" in tables(database)
    with database.session(reading=True) as session:
        found = session.scalars(select(ApiKey)).one()
    assert (found.id, found.name, found.revoked_at) == (7, "ada", None)


@pytest.mark.parametrize("first", [False, True])
def test_the_tables_are_those_of_the_models(request: pytest.FixtureRequest, url: str, *, first: bool) -> None:
    database: Database = request.getfixturevalue("old" if first else "database")
    database.open()

    def ours(name: str | None, kind: str, _parents: Collection[str]) -> bool:
        return kind != "table" or name != VERSION_TABLE

    with database.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_opening_twice_changes_nothing(database: Database) -> None:
    database.open()
    assert revision(database) == LAST


def test_a_newer_database_is_refused_and_left_alone(database: Database) -> None:
    with database.session() as session:
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608
    with pytest.raises(StoreError, match=r"revision 9999, .* knows up to 0002.*upgrade earmark"):
        database.open()
    assert revision(database) == "9999"


def test_a_step_that_fails_leaves_the_tables_as_they_were(old: Database) -> None:
    database = old
    with database.session() as session:  # in the way of the second step, at its very end
        session.execute(text("CREATE TABLE unrelated (a INTEGER)"))
        session.execute(text("CREATE INDEX ix_earmark_feedback_subject ON unrelated (a)"))
    with pytest.raises(StoreError, match="ix_earmark_feedback_subject"):
        database.open()
    assert revision(database) == FIRST
    assert "earmark_feedback" not in tables(database)


def test_tables_of_other_programs_stay(old: Database) -> None:
    database = old
    with database.session() as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        session.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
    database.open()
    with database.session(reading=True) as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).scalar() == "theirs"


def test_replicas_that_start_at_once_in_threads_migrate_once(url: str) -> None:
    replicas = [Database(url) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(Database.open, replicas))
    with replicas[0].session(reading=True) as session:
        assert session.execute(text(f"SELECT count(*) FROM {VERSION_TABLE}")).scalar() == 1  # noqa: S608
    for replica in replicas:
        replica.close()


def test_replicas_that_start_at_once_as_processes_migrate_once(url: str) -> None:
    code = "import sys; from earmark.service.database import Database; sys.stdin.read(1); Database(sys.argv[1]).open()"
    replicas = [
        subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [replica.communicate(b"!", timeout=60)[1].decode() for replica in replicas]
    assert [(replica.returncode, text) for replica, text in zip(replicas, said, strict=True)] == [(0, "")] * 3
    database = Database(url)
    assert revision(database) == LAST
    database.close()
