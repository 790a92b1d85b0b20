"""Work ahead: while one stage uses an item, a thread makes the next."""

from __future__ import annotations

import threading
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

T = TypeVar("T")
PATIENCE_S = 0.1


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterable[T], n_ahead: int = 1) -> Generator[T, None, None]:
    """Yield items in order while a thread makes up to `n_ahead` more; what making one raises is raised here.

    The thread ends with the last item, or with this iterator: close it if you leave it early.

    Example:
        >>> list(ahead(number * number for number in range(4)))
        [0, 1, 4, 9]
    """
    queue: Queue[T | _End] = Queue(maxsize=n_ahead)
    stopped = threading.Event()
    thread = threading.Thread(target=_make, args=(items, queue, stopped), daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
            del item  # or two would be held while the next is awaited
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        while thread.is_alive():
            _discard_one(queue)
            thread.join(PATIENCE_S / 10)


def _make(items: Iterable[T], queue: Queue[T | _End], stopped: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            _put(queue, item, stopped)
            if stopped.is_set():
                break
            del item
    except BaseException as found:
        error = found
    finally:
        if hasattr(items, "close"):
            items.close()  # files are closed by the thread that reads them
    _put(queue, _End(error), stopped)


def _put(queue: Queue[T | _End], item: T | _End, stopped: threading.Event) -> None:
    while not stopped.is_set():
        try:
            queue.put(item, timeout=PATIENCE_S)
        except Full:
            continue
        return


def _discard_one(queue: Queue[T | _End]) -> None:
    try:
        queue.get_nowait()
    except Empty:
        return
