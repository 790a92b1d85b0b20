from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_a_key_is_shown_once_and_listed_without_itself(run: Run, tmp_path: Path) -> None:
    made = run("keys", "create", "ada", "--rate", 60, "--state-dir", tmp_path)
    key = made.stdout.strip()
    assert re.fullmatch(r"ek_[\w-]{43}", key)
    assert "cannot be shown again" in made.stderr
    listed = run("keys", "list", "--state-dir", tmp_path).output
    assert "ada" in listed
    assert key not in listed
    (facts,) = json.loads(run("keys", "list", "--state-dir", tmp_path, "--json").stdout)
    assert (facts["name"], facts["rate_per_minute"], facts["revoked_at"]) == ("ada", 60, None)


def test_a_key_is_revoked_by_name_or_number(run: Run, tmp_path: Path) -> None:
    where = ("--database", f"sqlite:///{tmp_path / 'other.sqlite3'}")
    created = json.loads(run("keys", "create", "ada", *where, "--json").stdout)
    assert created["key"].startswith("ek_")
    run("keys", "create", "ben", *where)
    assert "revoked: ada" in run("keys", "revoke", "ada", *where).stdout
    assert json.loads(run("keys", "revoke", created["id"] + 1, *where, "--json").stdout)["name"] == "ben"
    with pytest.raises(ConfigError, match='no key "cleo"'):
        run("keys", "revoke", "cleo", *where)


def test_a_missing_extra_is_told_with_the_line_that_installs_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*'earmark\[serve\]'"):
        run("keys", "list", "--state-dir", tmp_path)


def test_help_loads_no_database() -> None:
    code = "import sys, earmark.cli.main; print({'sqlalchemy', 'alembic', 'fastapi'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
