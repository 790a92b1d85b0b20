"""Feedback."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of feedback."""
    op.create_table(
        "earmark_feedback",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("key_id", sa.Integer()),
        sa.Column("answer_id", sa.String(32), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("said", sa.String(200), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(7), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("start_s", sa.Double()),
        sa.Column("end_s", sa.Double()),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("recording", sa.String(500), nullable=False),
        sa.Column("audio_sha256", sa.String(64), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("current", sa.String(64)),
        sa.Column("consent", sa.Boolean(), nullable=False),
        sa.Column("audio_place", sa.String(1000)),
        sa.Column("audio_kept_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_earmark_feedback"),
        sa.ForeignKeyConstraint(
            ["key_id"], ["earmark_keys.id"], name="fk_earmark_feedback_key_id", ondelete="SET NULL"
        ),
        sa.UniqueConstraint("current", name="uq_earmark_feedback_current"),
    )
    for column in ("created_at", "model", "audio_sha256", "subject", "audio_place"):
        op.create_index(f"ix_earmark_feedback_{column}", "earmark_feedback", [column])
