"""`earmark keys`: who may use a service that other machines reach."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import note, show, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from earmark.service.database import Database

app = typer.Typer(help="Make, list and revoke the keys of a service.", no_args_is_help=True)

DatabaseOption = Annotated[
    str, typer.Option("--database", metavar="URL", help="Database of the service; default: SQLite in --state-dir.")
]
StateDir = Annotated[
    str, typer.Option("--state-dir", metavar="DIR", help="Folder of the service; default: the user's own.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def open_database(database: str, state_dir: str, purpose: str) -> Iterator[Database]:
    """Give the database of a service, with its tables up to date.

    Raises:
        ConfigError: The URL is none.
        MissingExtraError: The extra "serve" is not installed.
        StoreError: The database cannot be opened.
    """
    from earmark.core.optional import import_extra

    for package in ("sqlalchemy", "alembic"):
        import_extra(package, "serve", purpose)
    from earmark.service.database import Database, database_url

    opened = Database(database_url(database, state_dir))
    opened.open()
    try:
        yield opened
    finally:
        opened.close()


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use it; kept with what they send.")],
    rate: Annotated[int, typer.Option("--rate", min=1, help="Requests a minute.")] = 600,
    database: DatabaseOption = "",
    state_dir: StateDir = "",
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once."""
    with open_database(database, state_dir, "earmark keys") as opened:
        from earmark.service.auth import create_key

        key, facts = create_key(opened, name, rate)
    if as_json:
        show_json(facts.to_dict() | {"key": key})
        return
    show(key)
    note("earmark: keep it now, it is not stored and cannot be shown again")


@app.command("list")
def list_all(database: DatabaseOption = "", state_dir: StateDir = "", as_json: AsJson = False) -> None:
    """List the keys, without the keys themselves."""
    with open_database(database, state_dir, "earmark keys") as opened:
        from earmark.service.auth import list_keys

        keys = list_keys(opened)
    if as_json:
        show_json([facts.to_dict() for facts in keys])
        return
    show_table(
        ["number", "name", "a minute", "created", "last used", "revoked"],
        [
            [k.id, k.name, k.rate_per_minute, _day(k.created_at), _hour(k.last_used_at), _day(k.revoked_at)]
            for k in keys
        ],
    )


@app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or number of the key.")],
    database: DatabaseOption = "",
    state_dir: StateDir = "",
    as_json: AsJson = False,
) -> None:
    """Revoke a key for ever; running services refuse it within seconds."""
    with open_database(database, state_dir, "earmark keys") as opened:
        from earmark.service.auth import revoke_key

        facts = revoke_key(opened, name)
    if as_json:
        show_json(facts.to_dict())
    else:
        show(f"revoked: {facts.name}")


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"


def _hour(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:00}"
