"""From the scheme of an address to an fsspec file system, with one try for each request and credentials said once.

What is tried again, and how often, is decided in one place (`storage_faults.keep_trying`): the retries that gcsfs and
s3fs would make below it are switched off, since 6 times 6 tries take minutes to say that a server is away.
"""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.core.errors import ConfigError, DataError, did_you_mean
from earmark.core.optional import import_extra
from earmark.core.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

CONNECT_S = 10.0
GOOGLE, AMAZON = frozenset({"gs", "gcs"}), frozenset({"s3", "s3a"})
ON_THIS_MACHINE = frozenset({"memory", "file", "local"})
_GOOGLE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_EXTRA = "cloud"


def filesystem(scheme: str) -> Any:
    """Return the file system of a scheme, made once for the same settings.

    Raises:
        ConfigError: The key file of GOOGLE_APPLICATION_CREDENTIALS is missing or not a key.
        DataError: fsspec does not know the scheme.
        MissingExtraError: The extra "cloud" is not installed.
    """
    chosen = settings()
    environment = tuple(sorted(item for item in os.environ.items() if item[0].startswith(("AWS_", "STORAGE_"))))
    key = chosen.google_application_credentials
    return _filesystem(
        scheme,
        _Way(key, chosen.gcp_project_id or "", chosen.storage_timeout_s, chosen.storage_concurrency, environment),
    )


@dataclass(frozen=True)
class _Way:
    """What a file system is made from: settings, and the variables that its library reads itself."""

    key: Path | None
    project: str
    timeout_s: float
    n_connections: int
    environment: tuple[tuple[str, str], ...]


@functools.lru_cache(maxsize=8)
def _filesystem(scheme: str, way: _Way) -> Any:
    purpose = f"Reading and writing {scheme}://"
    if scheme in GOOGLE:
        return _google(import_extra("gcsfs.core", _EXTRA, purpose), way)
    if scheme in AMAZON:
        return _amazon(import_extra("s3fs", _EXTRA, purpose), way)
    fsspec = import_extra("fsspec", _EXTRA, purpose)
    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        raise DataError(f"{scheme}://: needs a package that earmark does not bring ({error}); install that") from error
    except ValueError as error:
        known = GOOGLE | AMAZON | ON_THIS_MACHINE
        raise DataError(f'"{scheme}://" is not a kind of storage{did_you_mean(scheme, known)}') from error


def _google(module: Any, way: _Way) -> Any:
    import aiohttp

    class OneTry(module.GCSFileSystem):  # type: ignore[misc]
        """GCSFileSystem without retries of its own."""

        _request = inspect.unwrap(module.GCSFileSystem._request)
        _get_file_request = inspect.unwrap(module.GCSFileSystem._get_file_request)

    emulated = any(name == "STORAGE_EMULATOR_HOST" and value for name, value in way.environment)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=way.timeout_s)
    return OneTry(
        project=way.project,
        token=_google_key(way.key) if way.key else ("anon" if emulated else _google_login()),
        access="read_write",
        requests_timeout=timeout,
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def _google_key(path: Path) -> Any:
    """Return the credentials in a key file of any type that Google has."""
    google_auth = import_extra("google.auth", _EXTRA, "Logging in to Google Cloud")
    remedy = "download a key of the service account as JSON, or unset it and run: gcloud auth application-default login"
    try:
        with warnings.catch_warnings():
            # Google warns of key files of unknown origin; this one the user named
            warnings.simplefilter("ignore", DeprecationWarning)
            return google_auth.load_credentials_from_file(str(path), scopes=[_GOOGLE_SCOPE])[0]
    except (google_auth.exceptions.DefaultCredentialsError, OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"GOOGLE_APPLICATION_CREDENTIALS: {path} is not a key file ({error}); {remedy}") from error


def _google_login() -> Any:
    """Return what gcloud or the machine is logged in as, or "anon": public buckets need no login."""
    google_auth = import_extra("google.auth", _EXTRA, "Logging in to Google Cloud")
    try:
        return google_auth.default(scopes=[_GOOGLE_SCOPE])[0]
    except google_auth.exceptions.DefaultCredentialsError:
        return "anon"


def _amazon(module: Any, way: _Way) -> Any:
    session = import_extra("botocore.session", _EXTRA, "Logging in to S3").Session()
    made = module.S3FileSystem(
        anon=session.get_credentials() is None,  # public buckets need none
        config_kwargs={
            "connect_timeout": CONNECT_S,
            "read_timeout": way.timeout_s,
            "retries": {"total_max_attempts": 1},
            "max_pool_connections": way.n_connections,
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    made.retries = 1
    return made


def is_anonymous(scheme: str, system: Any) -> bool:
    """Return whether a file system was made without credentials, because none were found."""
    if scheme in GOOGLE:
        return system.credentials.credentials is None
    return scheme in AMAZON and bool(system.anon)


def credentials_hint(scheme: str) -> str:
    """Return how to give credentials for a kind of storage."""
    if scheme in GOOGLE:
        return (
            "name the JSON key of a service account with GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth "
            "application-default login; the account needs the role Storage Object Viewer (to write: Storage Object "
            "User)"
        )
    if scheme in AMAZON:
        return (
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN where there is one), or "
            "AWS_PROFILE; they need s3:ListBucket and s3:GetObject (to write: s3:PutObject)"
        )
    return "change the permissions"
