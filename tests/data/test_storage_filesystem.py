"""File systems are made with one try for each request, and with the credentials that were named."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError, DataError, MissingExtraError
from earmark.data.storage_filesystem import credentials_hint, filesystem, is_anonymous
from tests.storage_servers import AMAZON, forget_filesystems, forget_settings, use_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nobody_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [*AMAZON, "AWS_PROFILE", "STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # Google asks a machine on its network who it is
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "secret"))
    forget_settings()
    forget_filesystems()
    yield
    forget_filesystems()


def key_file(folder: Path, **values: str) -> Path:
    path = folder / "key.json"
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    path.write_text(json.dumps(user | values), encoding="utf-8")
    return path


def test_without_any_login_public_buckets_are_still_open() -> None:
    assert is_anonymous("gs", filesystem("gs"))
    assert is_anonymous("s3", filesystem("s3"))
    assert not is_anonymous("memory", filesystem("memory"))


def test_the_key_file_that_is_named_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_environment(monkeypatch, GOOGLE_APPLICATION_CREDENTIALS=str(key_file(tmp_path)), GCP_PROJECT_ID="owls")
    system = filesystem("gs")
    assert not is_anonymous("gs", system)
    assert system.credentials.credentials.refresh_token == "r"  # noqa: S105 - as written above
    assert system.project == "owls"


def test_what_gcloud_logged_in_as_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "gcloud"
    folder.mkdir()
    key_file(folder).rename(folder / "application_default_credentials.json")
    assert filesystem("gs").credentials.credentials.refresh_token == "r"  # noqa: S105 - as written above


def test_keys_of_amazon_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    use_environment(monkeypatch, **AMAZON)
    assert not is_anonymous("s3", filesystem("s3"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "not found"),
        ("{", "not a valid json"),
        ('{"type": "strange"}', "valid type"),
        ("[]", "no attribute"),
    ],
)
def test_a_key_file_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, reason: str
) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    use_environment(monkeypatch, GOOGLE_APPLICATION_CREDENTIALS=str(path))
    with pytest.raises(ConfigError, match=f"^GOOGLE_APPLICATION_CREDENTIALS: .*key.json is not a key file.*{reason}"):
        filesystem("gs")


def test_the_libraries_do_not_try_again_on_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    use_environment(monkeypatch, EARMARK_STORAGE_TIMEOUT_S="7")
    google, amazon = filesystem("gs"), filesystem("s3")
    assert not hasattr(google._request, "__wrapped__")
    assert not hasattr(google._get_file_request, "__wrapped__")
    assert google.requests_timeout.sock_read == 7
    assert amazon.retries == 1
    assert amazon.config_kwargs["read_timeout"] == 7
    assert amazon.config_kwargs["retries"] == {"total_max_attempts": 1}


def test_a_file_system_is_made_once() -> None:
    assert filesystem("s3") is filesystem("s3")


@pytest.mark.parametrize(
    ("scheme", "missing", "package"),
    [("gs", "gcsfs.core", "gcsfs"), ("s3", "s3fs", "s3fs"), ("memory", "fsspec", "fsspec")],
)
def test_a_missing_extra_is_named_with_its_install_line(
    monkeypatch: pytest.MonkeyPatch, scheme: str, missing: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    expected = rf"Reading and writing {scheme}:// needs the package {package}.*pip install.*'earmark\[cloud\]'"
    with pytest.raises(MissingExtraError, match=expected):
        filesystem(scheme)


def test_a_scheme_that_nobody_knows_is_refused_with_the_near_one() -> None:
    with pytest.raises(DataError, match='"gss://" is not a kind of storage; did you mean "gs"'):
        filesystem("gss")


def test_a_scheme_whose_package_is_not_installed_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(DataError, match=r"^abfs://: needs a package that earmark does not bring \(.*adlfs"):
        filesystem("abfs")


@pytest.mark.parametrize(
    ("scheme", "word"), [("gs", "GOOGLE_APPLICATION_CREDENTIALS"), ("s3", "AWS_ACCESS_KEY_ID"), ("file", "permissions")]
)
def test_the_remedy_for_a_refusal_is_that_of_the_storage(scheme: str, word: str) -> None:
    assert word in credentials_hint(scheme)
