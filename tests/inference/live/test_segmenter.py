from __future__ import annotations

from earmark.inference.live.segmenter import Segmenter, Stretch


def segmenter(**changes: float) -> Segmenter:
    return Segmenter(**{"threshold": 0.5, "min_frames": 2, "hangover_frames": 3, "max_frames": 10} | changes)  # type: ignore[arg-type]


def stretches(finder: Segmenter, probabilities: str) -> list[Stretch]:
    """Return the stretches in frames given as digits, tenths of a probability."""
    found = [finder.push(int(tenth) / 10) for tenth in probabilities]
    return [stretch for stretch in found if stretch is not None]


def test_speech_ends_before_the_pause_that_ends_it() -> None:
    assert stretches(segmenter(), "0009990000") == [Stretch(3, 6)]


def test_a_short_pause_does_not_end_it() -> None:
    assert stretches(segmenter(), "099009900000") == [Stretch(1, 7)]


def test_short_speech_is_passed_over() -> None:
    finder = segmenter()
    assert stretches(finder, "0900000") == []
    assert not finder.speaking


def test_speech_goes_on_at_a_lower_probability_than_it_begins() -> None:
    assert stretches(segmenter(), "0444000") == []
    assert stretches(segmenter(), "0944400000") == [Stretch(1, 5)]


def test_long_speech_is_cut_and_goes_on() -> None:
    found = stretches(segmenter(), "9" * 25 + "000")
    assert found == [Stretch(0, 10, goes_on=True), Stretch(10, 20, goes_on=True), Stretch(20, 25)]


def test_what_is_under_way_can_be_ended() -> None:
    finder = segmenter()
    assert stretches(finder, "0999") == []
    assert finder.speaking
    assert finder.finish() == Stretch(1, 4)
    assert finder.finish() is None
