"""From what was said to labelled clips: which feedback becomes an example, and why the rest does not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from earmark.service.feedback.entries import Entry

Reason = Literal["no_sound", "conflict", "none_of_the_labels"]
REASONS: tuple[Reason, ...] = ("no_sound", "conflict", "none_of_the_labels")


@dataclass(frozen=True)
class Example:
    """A sound or a span of it, its label, and the feedback that says so."""

    entry: Entry
    label: str
    group: str


@dataclass(frozen=True)
class Choice:
    """What becomes data, and how much does not for which reason.

    Attributes:
        n_repeated: Feedback that says of a sound what other feedback said too, of another model; not a loss.
    """

    examples: tuple[Example, ...]
    left_out: Mapping[Reason, int] = field(default_factory=dict)
    n_repeated: int = 0


def choose(
    entries: Sequence[Entry],
    sounds: Mapping[str, str],
    recordings: Mapping[str, str],
    *,
    many: bool = False,
    none_as: str = "",
) -> Choice:
    """Return the examples among feedback of which each is the last word.

    Args:
        entries: The feedback, oldest first.
        sounds: The place of each sound that is kept, by SHA-256.
        recordings: What each sound was cut from, by SHA-256, as somebody named it.
        many: Whether a clip may have no label, so that "none of the labels" is an example.
        none_as: The label for "none of the labels"; empty for none.
    """
    left_out: Counter[Reason] = Counter()
    examples: list[Example] = []
    for entry in entries:
        label = entry.label or none_as
        if entry.audio_sha256 not in sounds:
            left_out["no_sound"] += 1
        elif not label and not many:
            left_out["none_of_the_labels"] += 1
        else:
            group = recordings.get(entry.audio_sha256) or f"sound-{entry.audio_sha256[:16]}"
            examples.append(Example(entry, label, group))
    disputed = {id(example) for example in _disputed(examples, many=many)}
    left_out["conflict"] = len(disputed)
    agreed = [example for example in examples if id(example) not in disputed]
    # Of those who say the same of the same stretch the last is told.
    single = {(e.entry.audio_sha256, e.entry.start_s, e.entry.end_s): e for e in agreed}
    return Choice(
        tuple(single.values()),
        {reason: left_out[reason] for reason in REASONS if left_out[reason]},
        len(agreed) - len(single),
    )


def _disputed(examples: Sequence[Example], *, many: bool) -> Iterator[Example]:
    """Yield what cannot be true together: other labels for the same stretch, or for one that overlaps it.

    Where a clip may have several labels, only the very same stretch counts.
    """
    by_sound: dict[str, list[Example]] = {}
    for example in examples:
        by_sound.setdefault(example.entry.audio_sha256, []).append(example)
    for same in by_sound.values():
        for example in same:
            if any(other.label != example.label and _meet(other.entry, example.entry, many=many) for other in same):
                yield example


def _meet(first: Entry, second: Entry, *, many: bool) -> bool:
    if many:
        return (first.start_s, first.end_s) == (second.start_s, second.end_s)
    if first.start_s is None or second.start_s is None:  # one is the whole sound
        return True
    return first.start_s < (second.end_s or 0.0) and second.start_s < (first.end_s or 0.0)
