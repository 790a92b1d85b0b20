"""API keys: made, listed, revoked.

A key is 256 random bits. It is stored as its SHA-256 alone, and that is enough: a slow hash protects passwords because
people choose them from few, so that whoever has the hashes can try them all; of random keys there are 2^256, which no
speed helps to try. What a slow hash would do is make every request slow.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from earmark.core.errors import ConfigError, did_you_mean
from earmark.service.database.tables import ApiKey

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from earmark.service.database.engine import Database

START = "ek_"
N_RANDOM_BYTES = 32
DEFAULT_RATE_PER_MINUTE = 600
MAX_RATE_PER_MINUTE = 1_000_000
_NAME = re.compile(r"[\w.@+-][\w .@+-]{0,99}")
# Without padding, 32 bytes are 43 letters of URL-safe base64.
_KEY = re.compile(START + r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class KeyFacts:
    """What may be told about a key.

    Attributes:
        last_used_at: To the hour; None where it never was.
    """

    id: int
    name: str
    rate_per_minute: int
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-like."""
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(self).items()}


def digest_of(key: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def looks_like_key(text: str) -> bool:
    """Return whether a text has the form of a key, so that nothing else has to be looked up.

    Example:
        >>> looks_like_key("ek_" + "a" * 43), looks_like_key("password")
        (True, False)
    """
    return _KEY.fullmatch(text) is not None


def create_key(database: Database, name: str, rate_per_minute: int = DEFAULT_RATE_PER_MINUTE) -> tuple[str, KeyFacts]:
    """Make a key; the text that is returned first can never be shown again.

    Raises:
        ConfigError: The name is taken, was ever taken, or is no name; or the rate is out of range.
        StoreError: The database cannot be written.
    """
    if not _NAME.fullmatch(name) or name != name.strip():
        raise ConfigError(f'key name {name!r}: expected 1 to 100 letters, digits, blanks and ".@+-_"')
    if name.isdecimal():
        raise ConfigError(f"key name {name!r}: would be mistaken for the number of a key; put a letter in it")
    if not 1 <= rate_per_minute <= MAX_RATE_PER_MINUTE:
        raise ConfigError(f"rate {rate_per_minute}: expected 1 to {MAX_RATE_PER_MINUTE:,} requests a minute")
    key = START + secrets.token_urlsafe(N_RANDOM_BYTES)
    with database.session() as session:
        taken = session.scalars(select(ApiKey).where(ApiKey.name == name)).one_or_none()
        if taken is not None:
            state = "is taken" if taken.revoked_at is None else "was the name of a key that is revoked"
            raise ConfigError(
                f'key name "{name}" {state}; feedback is stored under it, so that a name is used once: choose another'
            )
        row = ApiKey(name=name, digest=digest_of(key), rate_per_minute=rate_per_minute, created_at=datetime.now(UTC))
        session.add(row)
        session.flush()
        return key, _facts(row)


def list_keys(database: Database) -> list[KeyFacts]:
    """Return all keys, those that are revoked too, in the order in which they were made.

    Raises:
        StoreError: The database cannot be read.
    """
    with database.session(reading=True) as session:
        return [_facts(row) for row in session.scalars(select(ApiKey).order_by(ApiKey.id))]


def revoke_key(database: Database, name_or_id: str) -> KeyFacts:
    """Make a key useless for ever; one that is revoked already stays so.

    Raises:
        ConfigError: There is no such key.
        StoreError: The database cannot be written.
    """
    with database.session() as session:
        row = _find(session, name_or_id)
        row.revoked_at = row.revoked_at or datetime.now(UTC)
        return _facts(row)


def _find(session: Session, name_or_id: str) -> ApiKey:
    rows = list(session.scalars(select(ApiKey)))
    for row in rows:
        if name_or_id in (row.name, str(row.id)):
            return row
    raise ConfigError(f'there is no key "{name_or_id}"{did_you_mean(name_or_id, [row.name for row in rows])}')


def _facts(row: ApiKey) -> KeyFacts:
    return KeyFacts(row.id, row.name, row.rate_per_minute, row.created_at, row.revoked_at, row.last_used_at)
