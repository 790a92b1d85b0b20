"""What can be chosen about the service: field = flag of `earmark serve` = row in docs/serve.md."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from earmark.core.config import Config

# No folder of this machine: a link in it could lead anywhere.
REFERENCE_PREFIX = re.compile(r"(?!file:|local:)[a-z][a-z0-9+.-]*://[^/\s][^\s\\%?#*]*")


class ServeOptions(Config):
    """How bundles are served.

    Attributes:
        models: Shipped bundles, bundle folders or addresses such as gs://bucket/bundles/digits; the first is the
            default of a request.
        host: Address to listen at; other machines reach only what is not loopback.
        port: Port to listen at.
        database: SQLAlchemy URL of feedback and keys; empty for SQLite in `state_dir`.
        state_dir: Folder of the embedded database and of audio that was given with consent; empty for the user's own.
        audio_url: Where audio given with consent is kept instead, such as gs://bucket/feedback; empty for `state_dir`.
        auth: "auto" asks for keys unless the host is loopback; "on" always does.
        max_upload_mb: Larger bodies are refused.
        max_duration_s: Longer sound is refused.
        timeout_s: A request that takes longer is given up.
        max_waiting: So many requests may wait; the next ones are told to come back.
        max_batch: Windows that a model gets at once.
        max_wait_ms: How long the first window of a batch waits for others.
        workers: Threads that decode, and that run each model.
        max_streams: So many live streams at once.
        max_batch_files: Files in one batch request.
        references: Prefixes of addresses that requests may name instead of sending sound; none by default.
        reload_s: How often bundles are looked at for changes; 0 for never.
        drain_s: How long requests under way may take to end after SIGTERM.
    """

    models: tuple[str, ...] = Field(default=("digits", "distortion"), min_length=1)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    database: str = ""
    state_dir: str = ""
    audio_url: str = ""
    auth: Literal["auto", "on"] = "auto"
    max_upload_mb: float = Field(default=50.0, gt=0)
    max_duration_s: float = Field(default=600.0, gt=0)
    timeout_s: float = Field(default=30.0, gt=0)
    max_waiting: int = Field(default=64, ge=1)
    max_batch: int = Field(default=32, ge=1)
    max_wait_ms: float = Field(default=2.0, ge=0)
    workers: int = Field(default=2, ge=1)
    max_streams: int = Field(default=16, ge=0)
    max_batch_files: int = Field(default=32, ge=1)
    references: tuple[str, ...] = ()
    reload_s: float = Field(default=5.0, ge=0)
    drain_s: float = Field(default=20.0, ge=0)

    @field_validator("references")
    @classmethod
    def _are_addresses(cls, references: tuple[str, ...]) -> tuple[str, ...]:
        for prefix in references:
            if REFERENCE_PREFIX.fullmatch(prefix) is None:
                raise ValueError(
                    f'found "{prefix}", expected the beginning of addresses in storage, such as gs://bucket/sounds; '
                    "files of the server itself cannot be named by requests"
                )
        return references
