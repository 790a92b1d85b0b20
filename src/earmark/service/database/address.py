"""Which database is meant, and how it is named where people read it: never with its password."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from earmark.core.errors import ConfigError

FILE_NAME = "earmark.sqlite3"
POSTGRES = "postgresql+psycopg"
_SQLITE = "sqlite+pysqlite"
# Hosts hand out postgres:// and postgresql://; without a driver SQLAlchemy would take one that is not installed.
_DRIVERS = {
    "postgres": POSTGRES,
    "postgresql": POSTGRES,
    POSTGRES: POSTGRES,
    "sqlite": _SQLITE,
    _SQLITE: _SQLITE,
}
_SECRET_KEYS = frozenset({"password", "passfile", "sslpassword", "sslkey"})
_EXPECTED = "expected postgresql://user@host/name or sqlite:////folder/file.sqlite3"


def default_state_dir() -> Path:
    """Return the folder of this user in which the service keeps its database and its recordings."""
    import platformdirs

    return Path(platformdirs.user_data_dir("earmark"))


def state_folder(state_dir: str = "") -> Path:
    """Return the folder that is meant: the one that is named, else this user's own."""
    return Path(state_dir).expanduser() if state_dir else default_state_dir()


def database_url(database: str = "", state_dir: str = "") -> URL:
    """Return the address of the database, with the driver that earmark uses.

    Args:
        database: SQLAlchemy URL of SQLite or PostgreSQL; empty for SQLite in the state folder.
        state_dir: The state folder; empty for the user's own.

    Raises:
        ConfigError: It is no such URL; the message holds no password.

    Example:
        >>> database_url("postgres://ada:secret@db.example/earmark").drivername
        'postgresql+psycopg'
    """
    if not database:
        return URL.create(_SQLITE, database=str(state_folder(state_dir) / FILE_NAME))
    try:
        url = make_url(database)
    except (ArgumentError, ValueError) as error:
        # What cannot be parsed may hold a password anywhere, so nothing of it is shown.
        raise ConfigError(f"the database URL cannot be read; {_EXPECTED}") from error
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise ConfigError(f'the database URL begins with "{url.drivername}://"; {_EXPECTED}')
    if driver == _SQLITE and url.database in (None, "", ":memory:"):
        raise ConfigError("the database URL names SQLite in memory, which ends with the process; name a file")
    return url.set(drivername=driver)


def shown(url: URL) -> str:
    """Return the address without anything secret.

    Example:
        >>> shown(database_url("postgres://ada:secret@db.example/earmark?sslpassword=deep"))
        'postgresql+psycopg://ada:***@db.example/earmark?sslpassword=%2A%2A%2A'
    """
    hidden = {key: "***" if key in _SECRET_KEYS else value for key, value in url.query.items()}
    return url.set(query=hidden).render_as_string(hide_password=True)


def without_secrets(text: str, url: URL) -> str:
    """Return a driver's message without the password of its database, wherever it repeats it."""
    secrets = [url.password, *(value for key, value in url.query.items() if key in _SECRET_KEYS)]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            text = text.replace(secret, "***")
    return text
