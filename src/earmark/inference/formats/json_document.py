"""JSON: one document that also holds what was asked, and recordings in which nothing was heard.

Each recording stands on a line of its own, so that the document can be written, and searched, line by line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats.base import TextSheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAME = "earmark events"
VERSION = 1


class JsonSheet(TextSheet):
    """A JSON document that is being written."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        facts = {"format": NAME, "version": VERSION, "about": dict(about)}
        self.head = f'{_dump(facts)[:-1]}, "files": ['
        self._separator = "\n"
        super().__init__(path)

    foot = "\n]}\n"

    def lines(self, file: FileEvents) -> Iterator[str]:
        """Yield a recording in parts, so that no million events become one text."""
        facts = _dump(
            {
                "file": file.path,
                "duration_s": file.duration_s,
                "rate_hz": file.rate_hz,
                "n_channels": file.n_channels,
            }
        )
        yield f'{self._separator}{facts[:-1]}, "events": ['
        self._separator = ",\n"
        between = ""
        for event in file.events:
            value = {
                "start_s": event.start_s,
                "end_s": event.end_s,
                "label": event.label,
                "probability": event.probability,
            }
            yield between + _dump(value)
            between = ", "
        yield "]}"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def open_json(path: Path, about: Mapping[str, Any]) -> JsonSheet:
    """Open a JSON document for writing.

    Raises:
        DataError: What is to be said about the run is not JSON.
    """
    try:
        return JsonSheet(path, about)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: what is said about the run cannot be JSON ({error})") from error


def is_json(beginning: bytes) -> bool:
    """Return whether a file begins as this format does."""
    return beginning.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b'{"format": "' + NAME.encode())


def read_json_events(path: Path, recording: str) -> list[FileEvents]:  # noqa: ARG001
    """Return the events in a JSON document.

    Raises:
        DataError: It is not JSON, or not of this format or version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != NAME or document.get("version") != VERSION:
        raise DataError(f'{path}: expected an object with "format": "{NAME}" and "version": {VERSION}')
    try:
        return [_file(value) for value in document["files"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: an entry of files is not as expected ({type(error).__name__}: {error})") from error


def _file(value: dict[str, Any]) -> FileEvents:
    events = tuple(
        Event(float(event["start_s"]), float(event["end_s"]), str(event["label"]), float(event["probability"]))
        for event in value["events"]
    )
    facts = (float(value["duration_s"]), int(value["rate_hz"]), int(value["n_channels"]))
    return FileEvents(str(value["file"]), *facts, events)
