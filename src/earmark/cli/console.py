"""How the command line shows things: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from earmark.core.progress import Progress

PATIENCE_S = 2.0  # work that ends sooner needs no bar
WIDE_COLUMNS = 120
N_NAMES_SHOWN = 6


def show(text: str = "") -> None:
    """Print plain text to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def terminal_columns() -> int:
    """Return the width of the terminal, or a wide one where output goes elsewhere."""
    if not sys.stdout.isatty():
        return 200
    return shutil.get_terminal_size().columns


def show_json(value: Any) -> None:
    """Print one JSON document, on one line, to standard output."""
    show(json.dumps(value, ensure_ascii=False, allow_nan=False))


def note(text: str) -> None:
    """Print a remark to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print a table to standard output; cells that look like numbers are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", show_header=any(columns))
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = terminal_columns()
    console.print(table)


def show_intervals(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    """Print a table of values with intervals; where it is wider than the terminal, the values alone."""
    widths = [max(map(len, cells)) + 3 for cells in zip(columns, *rows, strict=True)]
    if sum(widths) >= terminal_columns():
        title += " (intervals are in the report)"
        rows = [[cell.partition(" [")[0] for cell in row] for row in rows]
    show_table(columns, rows, title)


def counted(number: int, noun: str) -> str:
    """Return such as `1 group` or `1,342 groups`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(names) - N_NAMES_SHOWN
    return ", ".join(names[:N_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _is_number(cell: object) -> bool:
    text = str(cell).strip()
    return not text or text[0].isdigit() or text[0] in "-+."


class BarProgress:
    """Draws the stages of long work as bars with the time left, once they have lasted two seconds."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._label = ""
        self._total = 0
        self._done = 0
        self._began_s = 0.0

    def start(self, label: str, total: int) -> None:
        """Begin a stage; ends the stage before it."""
        self._label, self._total, self._done, self._task = label, total, 0, None
        self._began_s = time.monotonic()

    def advance(self, n_steps: int = 1) -> None:
        """Count finished steps of the current stage."""
        self._done += n_steps
        if self._task is None and time.monotonic() - self._began_s > PATIENCE_S:
            self._task = self._bars.add_task(self._label, total=self._total, note="")
        if self._task is not None:
            self._bars.update(self._task, completed=self._done)

    def note(self, text: str) -> None:
        """Show a short text beside the current stage."""
        if self._task is not None:
            self._bars.update(self._task, note=text)


@contextmanager
def progress() -> Iterator[Progress]:
    """Give the progress to hand to long work: bars on a terminal, nothing elsewhere."""
    from earmark.core.progress import SILENT

    if not sys.stderr.isatty():
        yield SILENT
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = [
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    if terminal_columns() >= WIDE_COLUMNS:  # else the note would squeeze the bar out
        columns.append(TextColumn("{task.fields[note]}"))
    with Bars(*columns, console=Console(file=sys.stderr)) as bars:
        yield BarProgress(bars)
