"""The way of a sound into the service: onto the disk for as long as its request lasts, decoded in a few threads."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import secrets
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from earmark.service.problems import Problem
from earmark.service.sound import decode_sound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from earmark.audio.waveform import Waveform
    from earmark.service.options import ServeOptions
    from earmark.service.sound import Sound, Wanted

RETRY_S = 2.0
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Upload:
    """What a client sent.

    Attributes:
        name: What it calls it, without folders; "the sound" where it has none.
        content: Its bytes; closed by whoever opened it.
    """

    name: str
    content: BinaryIO


@dataclass(frozen=True, eq=False)
class Taken:
    """A sound that was taken in.

    Attributes:
        path: Its file; gone when the block ends, or as soon as it is decoded where its samples were kept.
        name: What the client calls it.
        sha256: Of the bytes that were sent, in hexadecimal.
        sound: What was decoded.
        decode_ms: From the whole upload until then, without waiting.
    """

    path: Path
    name: str
    sha256: str
    sound: Sound
    decode_ms: float


class Intake:
    """Decodes what is sent, a few sounds at a time, and so many more may wait.

    Args:
        options: `workers`, `max_waiting` and `max_batch_files` are used.
    """

    def __init__(self, options: ServeOptions) -> None:
        self._most = options.workers + max(options.max_waiting, options.max_batch_files)
        self._n_here = 0
        self._threads = ThreadPoolExecutor(options.workers, "decode")
        self._folder = Path(tempfile.mkdtemp(prefix="earmark-intake-"))

    @asynccontextmanager
    async def taken(self, upload: Upload, wanted: Wanted) -> AsyncIterator[Taken]:
        """Give a sound, decoded, while the block runs; its file is removed in any case.

        Raises:
            Problem: 413, 415, 422: as `decode_sound`. 503: too many wait.
        """
        async with self.coming(upload, wanted) as coming:
            yield await asyncio.get_running_loop().run_in_executor(self._threads, coming.take)

    @asynccontextmanager
    async def coming(self, upload: Upload, wanted: Wanted) -> AsyncIterator[Coming]:
        """Give a sound that its block has decoded in a thread; its file is removed in any case.

        Raises:
            Problem: 503: too many wait.
        """
        if self._n_here >= self._most:
            raise Problem(503, "Too busy", "Too many sounds wait to be decoded; come back.", retry_after_s=RETRY_S)
        self._n_here += 1
        # The name is long and random, so that taking it out of a message never takes anything else.
        coming = Coming(upload, self._folder / f"earmark-upload-{secrets.token_hex(16)}", wanted)
        try:
            yield coming
        finally:
            self._n_here -= 1
            coming.given_up.set()
            if not wanted.is_kept:  # files are made and removed in threads: the disk may be slow
                with suppress(RuntimeError):  # it is closed, and the folder goes as a whole
                    self._threads.submit(coming.path.unlink, missing_ok=True)

    async def close(self) -> None:
        """End the threads and remove the folder."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


class Coming:
    """A sound on its way in.

    Attributes:
        path: Where its file is while it is decoded.
        given_up: Set when nobody waits for it any more.
        taken: What came of it, once it was decoded.
    """

    def __init__(self, upload: Upload, path: Path, wanted: Wanted) -> None:
        self.path = path
        self.given_up = threading.Event()
        self.taken: Taken | None = None
        self._upload, self._wanted = upload, wanted
        self._context = contextvars.copy_context()

    def take(self) -> Taken:
        """Decode it, in a thread, once.

        Raises:
            Problem: 413, 415, 422: as `decode_sound`. 504: nobody waits for it any more.
        """
        self.taken = self._context.run(_take, self._upload, self.path, self._wanted, self.given_up)
        return self.taken

    def waveform(self) -> Waveform:
        """Return it decoded, as `take` does.

        Raises:
            Problem: As `take`; 422 where its samples were not to be kept.
        """
        found = self.take().sound.waveform
        if found is None:
            raise Problem(422, "Sound refused", f"{self._upload.name}: no sound was kept.")
        return found


def _take(upload: Upload, path: Path, wanted: Wanted, given_up: threading.Event) -> Taken:
    """Write an upload into its file and decode it, in a thread; the file stays only where it is read again."""
    stays = False
    try:
        taken = _decode(upload, path, wanted, given_up)
        stays = not wanted.is_kept
        return taken
    finally:
        if not stays or given_up.is_set():
            path.unlink(missing_ok=True)


def _decode(upload: Upload, path: Path, wanted: Wanted, given_up: threading.Event) -> Taken:
    began_s = time.perf_counter()
    digest = hashlib.sha256()
    if given_up.is_set():
        raise Problem(504, "Timed out", "The request was given up before its sound was decoded.")
    path.parent.mkdir(mode=0o700, exist_ok=True)  # machines that run for weeks clear their temporary folder
    with path.open("xb") as file:
        while block := upload.content.read(BLOCK_BYTES):
            digest.update(block)
            file.write(block)
    sound = decode_sound(path, upload.name, wanted, given_up)
    return Taken(path, upload.name, digest.hexdigest(), sound, (time.perf_counter() - began_s) * 1000)
