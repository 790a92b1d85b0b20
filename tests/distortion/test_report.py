"""What is answered for one file."""

from __future__ import annotations

import dataclasses
import json

import pytest

from earmark.distortion import Assessable, DistortionReport, Finding, Segment, Timeline, TypeAnswer

REPORT = DistortionReport(
    path="song.wav",
    has_distortion=True,
    distortion_type="noise",
    severity=0.5,
    confidence=0.9,
    types={"clipping": TypeAnswer(0.8, 0.2, present=True), "noise": TypeAnswer(0.9, 0.5, present=True)},
    segments=(Segment(0.0, 2.0, "noise", 0.9, 0.5),),
    evidence=(Finding("noise", "snr_db", "noisy", 12.0, "dB", 0.0, 10.0),),
    assessable={"phase": Assessable(ok=False, reason="needs two channels, found 1")},
    timeline=Timeline(((0.0, 1.0),), {"noise": (0.9,), "phase": (None,)}),
    duration_s=1.0,
    rate_hz=8000,
    n_channels=1,
    measures={"snr_db": 12.0, "correlation": None},
)


def test_a_report_is_json_with_the_names_of_its_fields() -> None:
    told = json.loads(json.dumps(REPORT.to_dict(), allow_nan=False))
    assert list(told) == [field.name for field in dataclasses.fields(DistortionReport)]
    assert told["types"]["noise"] == {"probability": 0.9, "severity": 0.5, "present": True}
    assert told["segments"] == [{"start_s": 0, "end_s": 2, "type": "noise", "probability": 0.9, "severity": 0.5}]
    assert told["evidence"][0]["sentence"] == "noisy"
    assert told["assessable"]["phase"] == {"ok": False, "reason": "needs two channels, found 1"}
    assert told["timeline"] == {"times_s": [[0, 1]], "probabilities": {"noise": [0.9], "phase": [None]}}
    assert told["error"] is None


def test_what_was_found_comes_worst_first() -> None:
    assert REPORT.found == ("noise", "clipping")
    assert DistortionReport(error="gone").found == ()


def test_a_report_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        REPORT.severity = 0.1  # type: ignore[misc]
