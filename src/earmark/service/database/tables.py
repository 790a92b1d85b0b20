"""The tables. Their names begin with `earmark_`, so that a database may hold other programs' tables too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Double, ForeignKey, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PREFIX = "earmark_"
SHA256_DIGITS = 64


class Moment(TypeDecorator[datetime]):
    """A time in UTC, to the second. SQLite keeps no zone, so it is put back on what it returns."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return what is stored."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return what was stored, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What all tables share: how constraints are called, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ApiKey(Base):
    """A key, of which only the SHA-256 is known. A name is never used again, so that who said what stays clear."""

    __tablename__ = "earmark_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    digest: Mapped[str] = mapped_column(String(SHA256_DIGITS), unique=True)
    rate_per_minute: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)


class Feedback(Base):
    """What somebody said about one answer of a model; a later word on the same sound leaves it as history.

    `subject` names model, sound and span. `current` is the same where this is the last word on it and empty where a
    later one came, so that the database itself allows one last word only.
    """

    __tablename__ = "earmark_feedback"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Moment, index=True)
    who: Mapped[str] = mapped_column(String(100))
    key_id: Mapped[int | None] = mapped_column(ForeignKey("earmark_keys.id", ondelete="SET NULL"))
    answer_id: Mapped[str] = mapped_column(String(32))
    model: Mapped[str] = mapped_column(String(200), index=True)
    model_version: Mapped[str] = mapped_column(String(64))
    said: Mapped[str] = mapped_column(String(200))
    probability: Mapped[float] = mapped_column(Double)
    scores: Mapped[dict[str, Any]] = mapped_column(JSON)
    verdict: Mapped[str] = mapped_column(String(7))
    label: Mapped[str] = mapped_column(String(200))
    start_s: Mapped[float | None] = mapped_column(Double)
    end_s: Mapped[float | None] = mapped_column(Double)
    comment: Mapped[str] = mapped_column(Text)
    recording: Mapped[str] = mapped_column(String(500))
    audio_sha256: Mapped[str] = mapped_column(String(SHA256_DIGITS), index=True)
    duration_s: Mapped[float] = mapped_column(Double)
    subject: Mapped[str] = mapped_column(String(SHA256_DIGITS), index=True)
    current: Mapped[str | None] = mapped_column(String(SHA256_DIGITS), unique=True)
    consent: Mapped[bool]
    audio_place: Mapped[str | None] = mapped_column(String(1000), index=True)
    audio_kept_at: Mapped[datetime | None] = mapped_column(Moment)
