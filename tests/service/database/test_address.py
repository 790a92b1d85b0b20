from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from earmark.core.errors import ConfigError
from earmark.service.database.address import database_url, shown, state_folder, without_secrets


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgres_means_the_driver_that_is_installed(scheme: str) -> None:
    url = database_url(f"{scheme}://ada:pw@db:5433/x?sslmode=require")
    assert url.render_as_string(hide_password=False) == "postgresql+psycopg://ada:pw@db:5433/x?sslmode=require"


def test_no_url_means_a_file_in_the_state_folder(tmp_path: Path) -> None:
    assert database_url("", str(tmp_path)).database == str(tmp_path / "earmark.sqlite3")
    assert database_url().database == str(Path(platformdirs.user_data_dir("earmark")) / "earmark.sqlite3")


def test_the_state_folder_may_begin_at_home() -> None:
    assert state_folder("~/x") == Path.home() / "x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ada:secret@host", "cannot be read"),
        ("postgresql://ada:secret@host:port/x", "cannot be read"),
        ("mysql://ada:secret@host/x", 'begins with "mysql://"'),
        ("postgresql+asyncpg://ada:secret@host/x", 'begins with "postgresql\\+asyncpg://"'),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_what_is_no_such_url_is_refused_without_its_password(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        database_url(text)
    assert "secret" not in str(caught.value)


def test_nothing_secret_is_shown() -> None:
    url = database_url("postgres://ada:s3cret@db/x?sslpassword=deep&application_name=ear&password=other")
    text = shown(url)
    assert not any(secret in text for secret in ("s3cret", "deep", "other"))
    assert "application_name=ear" in text
    assert without_secrets('bad "s3cret" and deep', url) == 'bad "***" and ***'
