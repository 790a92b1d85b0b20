"""Groups: what must never stand on both sides of a split."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, did_you_mean
from earmark.data.options import GROUP_BY_FILE, GROUP_BY_PARENT, is_pattern

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.tables import Row, Table

GROUP_COLUMN = "group"


def group_rule(group_by: str | None, table: Table | None) -> str:
    """Return the rule to use: what was asked, else the column "group" if it holds anything, else the file.

    Raises:
        DataError: A column was asked for that the table does not have.
    """
    if group_by is None:
        column = None if table is None else table.column_like(GROUP_COLUMN)
        return column if table is not None and column is not None and table.has(column) else GROUP_BY_FILE
    if group_by in {GROUP_BY_FILE, GROUP_BY_PARENT} or is_pattern(group_by):
        return group_by
    columns = table.columns if table is not None else ()
    if group_by not in columns:
        where = table.path.name if table is not None else "group_by"
        raise DataError(
            f'{where}: no column "{group_by}" to group by{did_you_mean(group_by, columns)}; '
            'else use "parent", "file" or a pattern with (?P<group>...)'
        )
    return group_by


def group_of(rule: str, recording: str, path: Path, row: Row | None = None) -> str:
    """Return the group of one clip.

    Args:
        rule: From `group_rule`.
        recording: Name of the audio file below its dataset, with forward slashes.
        path: The audio file.
        row: The manifest row, for rules that name a column.

    Raises:
        DataError: The cell is empty or the pattern does not match the file name.
    """
    where = row.where if row is not None else recording
    if rule == GROUP_BY_FILE:
        return recording
    if rule == GROUP_BY_PARENT:
        parent = PurePosixPath(recording).parent.as_posix()
        return path.parent.name if parent == "." else parent
    if is_pattern(rule):
        found = re.search(rule, PurePosixPath(recording).name)
        group = found.group("group") if found else None
        if not group:
            raise DataError(f'{where}: file name "{path.name}" does not match the group pattern "{rule}"')
        return group
    group = row.text(rule) if row is not None else ""
    if not group:
        raise DataError(
            f'{where}: column "{rule}" is empty, expected the group (speaker, recording, site) of each clip'
        )
    return group
