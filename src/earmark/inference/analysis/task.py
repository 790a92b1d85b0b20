"""What goes to those who listen, and what comes back: tasks, parts, failures. All of it crosses between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.storage_client import RemoteObject
    from earmark.inference.hearers import ModelChoice

BATCH_S = 12.0  # sound of a batch: 24 s of it are no faster and hold 30 MB more with BirdNET
MOST_WINDOWS = 64
BLOCK_S = 600.0


@dataclass(frozen=True)
class Place:
    """Where and when a recording was made, for BirdNET's own list of what can be heard there.

    Attributes:
        latitude: In degrees.
        longitude: In degrees.
        week: 1 to 48, four to a month; None for the whole year.
    """

    latitude: float
    longitude: float
    week: int | None = None


@dataclass(frozen=True)
class Hearing:
    """How recordings are heard: everything that decides what is heard in a window.

    Attributes:
        choice: The model.
        hop_s: Step between windows; None: as the model says.
        overlap_s: How much of a window the next one repeats, instead of `hop_s`.
        min_confidence: Threshold of all labels; None: the model's own.
        most: At most so many labels in a window.
        labels: Only these; empty for all.
        place: Only what BirdNET expects there.
        block_s: How much of a recording is answered for at once.
    """

    choice: ModelChoice
    hop_s: float | None = None
    overlap_s: float | None = None
    min_confidence: float | None = None
    most: int | None = None
    labels: tuple[str, ...] = ()
    place: Place | None = None
    block_s: float = BLOCK_S


@dataclass(frozen=True)
class Task:
    """Blocks of a recording to hear.

    Attributes:
        name: The recording as the user named it.
        path: The file; None where it must be fetched.
        remote: What to fetch, and `address` of the store that has it.
        address: See `remote`.
        first: First block.
        end: The block to stop before; None for the end of the recording.
        done: Blocks that are known already.
    """

    name: str
    path: Path | None
    remote: RemoteObject | None = None
    address: str = ""
    first: int = 0
    end: int | None = None
    done: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Ending:
    """What is known at the end of a recording.

    Attributes:
        n_blocks: How many blocks it has.
        duration_s: Its length.
        rate_hz: Its own rate.
        n_channels: Its own channels.
    """

    n_blocks: int
    duration_s: float
    rate_hz: int
    n_channels: int


@dataclass(frozen=True)
class Part:
    """What was heard in a block of a recording.

    Attributes:
        block: Which one, from 0.
        windows: For each detection the number of its window in the recording.
        columns: For each detection the column of its label.
        probabilities: For each detection, rounded to a millionth.
        sound_s: How much sound the block has.
        n_windows: How many windows it has.
        n_silent: How many of them are silent.
        ending: Where this is the last block.
    """

    block: int
    windows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    sound_s: float = 0.0
    n_windows: int = 0
    n_silent: int = 0
    ending: Ending | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the values that a journal keeps."""
        ending = self.ending
        facts = None if ending is None else [ending.n_blocks, ending.duration_s, ending.rate_hz, ending.n_channels]
        return {
            "block": self.block,
            "heard": [list(each) for each in zip(self.windows, self.columns, self.probabilities, strict=True)],
            "sound_s": self.sound_s,
            "n_windows": self.n_windows,
            "n_silent": self.n_silent,
            "ending": facts,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Part | None:
        """Return the part that a journal kept, None if it is not one."""
        try:
            heard = values["heard"]
            ending = values["ending"]
            return cls(
                block=int(values["block"]),
                windows=[int(each[0]) for each in heard],
                columns=[int(each[1]) for each in heard],
                probabilities=[float(each[2]) for each in heard],
                sound_s=float(values["sound_s"]),
                n_windows=int(values["n_windows"]),
                n_silent=int(values["n_silent"]),
                ending=None if ending is None else Ending(int(ending[0]), float(ending[1]), int(ending[2]), ending[3]),
            )
        except (LookupError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class Failure:
    """Why a recording, or the rest of it, cannot be heard."""

    reason: str
