"""One plain sentence for each finding, with numbers and place, only from what was measured.

Each rule (`rules.py`) looks at the part of the file in which its fault is heard, and says nothing where its measure is
as usual. Where no rule of a found type speaks, the answer says that too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.distortion.measures.table import MEASURES
from earmark.distortion.report import Finding
from earmark.distortion.rules import RULES, mono_loss, offset
from earmark.distortion.words import share

if TYPE_CHECKING:
    from earmark.distortion.rules import Said
    from earmark.distortion.severity import Kind
    from earmark.distortion.view import View

MOST_SENTENCES = 4  # of a type; rules stand in order of weight


def sentences_of(kind: Kind, view: View) -> tuple[Finding, ...]:
    """Return what was measured of a found type in the part where it is heard, at least one finding."""
    said = [found for rule in RULES[kind] if (found := rule(view)) is not None][:MOST_SENTENCES]
    if said:
        return tuple(_finding(kind, each) for each in said)
    sentence = f"no single measure is unusual; all together they look like {kind} ({share(view.probability)})"
    return (Finding(kind, "probability", sentence, round(view.probability, 4), ""),)


def other_sentences(found: tuple[Kind, ...], view: View) -> tuple[Finding, ...]:
    """Return what is worth knowing of the whole file although it belongs to no found fault."""
    rules = (offset,) if "phase" in found else (mono_loss, offset)
    return tuple(_finding(None, said) for rule in rules if (said := rule(view)) is not None)


def _finding(kind: Kind | None, said: Said) -> Finding:
    value, unit = said.value, said.unit or MEASURES[said.measure].unit
    return Finding(
        kind, said.measure, said.sentence, round(value.number, 6), unit, round(value.start_s, 3), round(value.end_s, 3)
    )
