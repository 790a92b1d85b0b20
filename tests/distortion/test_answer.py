"""Reports put together from measures and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.distortion.answer import Scored, put_together
from earmark.distortion.assessable import assess
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from earmark.distortion.heard import Heard
    from earmark.distortion.report import Assessable, DistortionReport
    from earmark.distortion.severity import Kind
    from tests.distortion.conftest import Hear

FINE = assess(duration_s=60, rate_hz=44_100, n_channels=2)


def report(
    heard: Heard,
    probabilities: list[list[float]],
    severities: list[list[float]],
    seconds: dict[Kind, list[float]],
    assessable: dict[Kind, Assessable] = FINE,
    blocks: tuple[int, ...] | None = None,
) -> DistortionReport:
    """Return the report of blocks with these scores; seconds not told have a probability of 0.1."""
    table = np.full((len(heard.times_s), len(KINDS)), 0.1, dtype=np.float32)
    for kind, column in seconds.items():
        table[:, KINDS.index(kind)] = column
    chosen = np.array(range(len(probabilities)) if blocks is None else blocks, dtype=np.intp)
    scored = Scored(
        chosen,
        np.array(probabilities, dtype=np.float32),
        np.array(severities, dtype=np.float32),
        table,
        (0.5,) * len(KINDS),
    )
    return put_together(heard, scored, assessable, "song.wav")


LOW = [0.1, 0.05, 0.02, 0.01, 0.03]


def test_a_clean_file_is_clean_as_surely_as_its_likeliest_fault_is_not_there(hear: Hear) -> None:
    found = report(hear({}), [LOW], [[0.9] * 5], {})
    assert found.has_distortion is False
    assert (found.distortion_type, found.severity, found.confidence) == (None, 0.0, 0.9)
    assert found.types["clipping"].severity == 0
    assert (found.segments, found.evidence, found.found) == ((), (), ())
    assert (found.path, found.duration_s, found.rate_hz, found.n_channels) == ("song.wav", 10, 44_100, 2)


def test_the_worst_is_the_severest_of_what_is_present(hear: Hear) -> None:
    found = report(
        hear({}),
        [[0.99, 0.1, 0.8, 0.1, 0.4]],
        [[0.3, 1.0, 0.6, 1.0, 1.0]],
        {"clipping": [0.9] * 10, "noise": [0.1] * 4 + [0.9] * 6},
    )
    assert found.has_distortion is True
    assert (found.distortion_type, found.confidence) == ("noise", 0.8)
    assert found.severity == pytest.approx(0.6)
    assert found.found == ("noise", "clipping")
    assert [(each.type, each.start_s, each.end_s) for each in found.segments] == [("clipping", 0, 10), ("noise", 4, 10)]
    assert [each.type for each in found.evidence] == ["noise", "clipping"]


def test_severity_is_that_of_the_affected_part(hear: Hear) -> None:
    found = report(
        hear({}, {}, {}),
        [[0.001] * 5, [0.99, *LOW[1:]], [0.99, *LOW[1:]]],
        [[0.0] * 5, [0.4] * 5, [0.8] * 5],
        {"clipping": [0.1] * 15 + [0.9] * 15},
    )
    assert found.severity == pytest.approx((5 * 0.4 + 10 * 0.8) / 15, abs=1e-4)
    (segment,) = found.segments
    assert (segment.start_s, segment.end_s, segment.probability) == (15, 30, 0.9)


def test_where_no_second_is_sure_the_blocks_are_the_segment(hear: Hear) -> None:
    found = report(hear({}, {}), [[0.01] * 5, [0.99, *LOW[1:]]], [[0.0] * 5, [0.4] * 5], {"clipping": [0.2] * 20})
    (segment,) = found.segments
    assert (segment.start_s, segment.end_s) == (10, 20)
    assert segment.probability == found.types["clipping"].probability


def test_what_cannot_be_assessed_has_no_numbers_and_decides_nothing(hear: Hear) -> None:
    told = assess(duration_s=10, rate_hz=16_000, n_channels=1)
    found = report(hear({}), [[0.1, 0.99, 0.1, 0.1, 0.99]], [[0.9] * 5], {}, told)
    assert found.has_distortion is False
    assert found.confidence == pytest.approx(0.9)
    for kind in ("compression", "phase"):
        answer = found.types[kind]
        assert (answer.probability, answer.severity, answer.present) == (None, None, False)
        assert set(found.timeline.probabilities[kind]) == {None}
    assert found.timeline.probabilities["noise"] == (0.1,) * 10


def test_blocks_without_sound_are_left_out(hear: Hear) -> None:
    heard = hear({}, {}, {})
    seconds = [0.9] * 10 + [np.nan] * 10 + [0.1] * 10
    found = report(heard, [[0.99, *LOW[1:]], LOW], [[0.5] * 5, [0.9] * 5], {"clipping": seconds}, blocks=(0, 2))
    assert found.severity == 0.5
    assert found.timeline.probabilities["clipping"][8:12] == (0.9, 0.9, None, None)


def test_nothing_to_assess_is_no_answer(hear: Hear) -> None:
    told = assess(duration_s=10, rate_hz=44_100, n_channels=2, silence="the file is silent")
    found = put_together(hear({}, {}), None, told, None)
    assert found.has_distortion is None
    assert found.confidence is None
    assert found.severity == 0
    assert {answer.probability for answer in found.types.values()} == {None}
    assert len(found.timeline.times_s) == 20
    assert set(found.timeline.probabilities["noise"]) == {None}
    assert found.evidence == ()
