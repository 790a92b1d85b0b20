from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.core.progress import SILENT
from earmark.data.audit_quality import ClipQuality
from earmark.data.clip import Clip
from earmark.distortion import KINDS
from earmark.distortion.check.clips import WORDS, Assessor
from earmark.distortion.check.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path


def test_clips_are_assessed_in_order_each_for_its_own_part(catalogue: Path, small_bundle: Path) -> None:
    clips = [
        Clip("a", catalogue / "damaged" / "clipped0.wav", ("x",), "g"),
        Clip("b", catalogue / "song0.wav", ("x",), "g", start_s=0.0, duration_s=0.2),
        Clip("c", catalogue / "torn.wav", ("x",), "g"),
        Clip("d", catalogue / "gone.wav", ("x",), "g"),
    ]
    clipped, short, torn, gone = Assessor(small_bundle, Limits(0.1))(clips, SILENT)
    assert isinstance(clipped, ClipQuality)
    assert isinstance(short, ClipQuality)
    assert "clipping" in clipped.faults
    assert clipped.worst == max(clipped.faults.values())
    assert clipped.sentences
    assert any(told.startswith("clipping ") for told in clipped.over)
    assert set(short.untold) == set(KINDS)
    assert short.faults == {}
    assert isinstance(torn, str)
    assert "torn.wav" in torn
    assert isinstance(gone, str)
    assert "No such file" in gone


def test_every_type_has_words() -> None:
    assert tuple(WORDS) == KINDS
    assert Assessor().words == WORDS
