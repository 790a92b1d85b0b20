"""Where keys and feedback are kept: SQLite in a folder by default, PostgreSQL by URL."""

from __future__ import annotations

from earmark.service.database.address import database_url, default_state_dir, state_folder
from earmark.service.database.engine import Database
from earmark.service.database.tables import ApiKey, Base, Feedback

__all__ = ["ApiKey", "Base", "Database", "Feedback", "database_url", "default_state_dir", "state_folder"]
