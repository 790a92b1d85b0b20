"""From a request to what was sent in it: one file of a form, several, the body itself, or a reference to storage."""

from __future__ import annotations

import asyncio
import json
import tempfile
import unicodedata
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from starlette.datastructures import UploadFile

from earmark.service.intake import Upload
from earmark.service.problems import Problem
from earmark.service.references import fetch_reference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import Request

    from earmark.service.options import ServeOptions

FIELD = "file"
NAMELESS = "the sound"
FORM, JSON = "multipart/form-data", "application/json"
RAW = ("audio/", "video/mp4", "video/webm", "video/ogg", "application/ogg", "application/octet-stream")
IN_MEMORY_BYTES = 1 << 20
MAX_JSON_BYTES = 64 << 10
LONGEST_NAME = 100


@asynccontextmanager
async def upload_of(request: Request, options: ServeOptions) -> AsyncIterator[Upload]:
    """Give the one sound of a request while the block runs.

    Raises:
        Problem: 4xx: there is none, or not one; 403, 404, 502: of a reference.
    """
    kind = _kind(request)
    if kind == FORM:
        async with uploads_of(request, 1) as found:
            yield found[0]
    elif kind.startswith(RAW):
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
            async for block in request.stream():
                file.write(block)
            file.seek(0)
            yield Upload(NAMELESS, cast("BinaryIO", file))
    elif kind == JSON:
        reference = _reference(await _json(request))
        with tempfile.TemporaryDirectory(prefix="earmark-reference-") as folder:
            path = await fetch_reference(reference, options, Path(folder))
            with path.open("rb") as content:
                yield Upload(clean_name(reference), content)
    else:
        raise _unknown_kind(kind, f"{FORM} with a file in the field {FIELD}, audio/*, or {JSON} with a reference")


@asynccontextmanager
async def uploads_of(request: Request, most: int) -> AsyncIterator[list[Upload]]:
    """Give the files of a form, one or more, while the block runs.

    Raises:
        Problem: 400: the form is broken. 413: there are too many files. 415: it is no form. 422: it holds something
            else.
    """
    if (kind := _kind(request)) != FORM:
        raise _unknown_kind(kind, FORM)
    # One more than allowed is let through, so that it can be refused by name.
    async with request.form(max_files=most + 1, max_fields=1, max_part_size=MAX_JSON_BYTES) as form:
        items = form.multi_items()
        for name, value in items:
            if name != FIELD:
                raise Problem(422, "Invalid form", f"Found the field {clean_name(name)}, expected {FIELD} alone.")
            if not isinstance(value, UploadFile):
                raise Problem(
                    422,
                    "Invalid form",
                    f"Found text in the field {FIELD}, expected a file, as `curl -F {FIELD}=@a.wav`.",
                )
        if not items:
            raise Problem(422, "Invalid form", f"Found no file, expected one in the field {FIELD}.")
        if len(items) > most:
            raise Problem(413, "Too many files", f"Found more than {most} in the field {FIELD}; send fewer at once.")
        files = [cast("UploadFile", value) for _, value in items]
        yield [Upload(clean_name(file.filename or ""), file.file) for file in files]


def clean_name(name: str) -> str:
    r"""Return a client's name of a file as it may be repeated: no folders, nothing that is not printed, not too long.

    Example:
        >>> clean_name("C:\\music\\take\x07 5.wav"), clean_name("../../")
        ('take 5.wav', 'the sound')
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip(". ")
    return shown[:LONGEST_NAME] or NAMELESS


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _unknown_kind(kind: str, expected: str) -> Problem:
    found = f'Content-Type "{kind[:LONGEST_NAME]}"' if kind else "no Content-Type"
    return Problem(415, "Unknown kind of body", f"Found {found}, expected {expected}.")


async def _json(request: Request) -> Any:
    content = bytearray()
    async for block in request.stream():
        content += block
        if len(content) > MAX_JSON_BYTES:
            raise Problem(413, "Too large", f"Found more than {MAX_JSON_BYTES:,} bytes of JSON, expected a reference.")
    try:
        return await asyncio.to_thread(json.loads, bytes(content)) if content else None
    except (ValueError, RecursionError):
        raise Problem(422, "Invalid request", 'The body is no JSON; expected {"reference": "gs://..."}.') from None


def _reference(content: Any) -> str:
    if not isinstance(content, dict) or set(content) != {"reference"} or not isinstance(content["reference"], str):
        raise Problem(422, "Invalid request", 'Expected {"reference": "gs://bucket/sound.wav"} and nothing else.')
    return content["reference"]
