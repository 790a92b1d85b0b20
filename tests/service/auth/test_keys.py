from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from earmark.core.errors import ConfigError
from earmark.service.auth import create_key, list_keys, revoke_key
from earmark.service.auth.keys import looks_like_key

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.service.database import Database


def test_a_key_is_random_and_only_its_hash_is_stored(database: Database, tmp_path: Path) -> None:
    keys = [create_key(database, f"name {number}")[0] for number in range(20)]
    assert all(re.fullmatch(r"ek_[A-Za-z0-9_-]{43}", key) and looks_like_key(key) for key in keys)
    assert len(set(keys)) == 20
    with database.session(reading=True) as session:
        row = session.execute(text("SELECT * FROM earmark_keys WHERE name = 'name 0'")).mappings().one()
    assert row["digest"] == hashlib.sha256(keys[0].encode()).hexdigest()
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert keys[0].encode() not in content
    assert keys[0][3:].encode() not in content


def test_keys_are_listed_with_what_may_be_told(database: Database) -> None:
    create_key(database, "ada", 60)
    create_key(database, "ben")
    revoke_key(database, "2")
    ada, ben = list_keys(database)
    assert (ada.name, ada.rate_per_minute, ada.revoked_at, ada.last_used_at) == ("ada", 60, None, None)
    assert (ben.name, ben.rate_per_minute) == ("ben", 600)
    assert ben.revoked_at is not None
    assert ben.revoked_at >= ben.created_at
    assert set(ada.to_dict()) == {"id", "name", "rate_per_minute", "created_at", "revoked_at", "last_used_at"}


def test_revoking_twice_keeps_the_first_time(database: Database) -> None:
    create_key(database, "ada")
    assert revoke_key(database, "ada") == revoke_key(database, "ada")


def test_a_name_is_used_once(database: Database) -> None:
    create_key(database, "ada")
    with pytest.raises(ConfigError, match='"ada" is taken'):
        create_key(database, "ada")
    revoke_key(database, "ada")
    with pytest.raises(ConfigError, match="was the name of a key that is revoked"):
        create_key(database, "ada")


@pytest.mark.parametrize("name", ["", " ada", "ada ", "a" * 101, "a\nb", "12", "a/b"])
def test_what_is_no_name_is_refused(database: Database, name: str) -> None:
    with pytest.raises(ConfigError, match="key name"):
        create_key(database, name)


@pytest.mark.parametrize("rate", [0, -1, 1_000_001])
def test_a_rate_out_of_range_is_refused(database: Database, rate: int) -> None:
    with pytest.raises(ConfigError, match=f"rate {rate}: expected 1 to"):
        create_key(database, "ada", rate)


def test_an_unknown_key_is_told_with_the_nearest_one(database: Database) -> None:
    create_key(database, "ada-laptop")
    with pytest.raises(ConfigError, match='no key "ada-latop"; did you mean "ada-laptop"'):
        revoke_key(database, "ada-latop")
