from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.config import parse_config
from earmark.core.errors import AudioError, ConfigError
from earmark.inference.live import Emission, Listener, ListenOptions
from tests.inference.live.conftest import STREAM_HZ, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Make = Callable[..., Listener]


def hear(listener: Listener, stream: NDArray[np.float32], block: int = 320) -> list[Emission]:
    found = [e for first in range(0, len(stream), block) for e in listener.push(stream[first : first + block])]
    return found + listener.finish()


def told(emissions: list[Emission]) -> list[tuple[str, str]]:
    return [(e.occasion, e.label) for e in emissions]


def test_one_answer_for_each_stretch_of_sound(make_listener: Make, two_tones: NDArray[np.float32]) -> None:
    found = hear(make_listener(), two_tones)
    assert told(found) == [("speech", "loud"), ("speech", "quiet")]
    assert [e.start_s for e in found] == pytest.approx([1.0, 2.5], abs=0.04)
    assert [e.end_s for e in found] == pytest.approx([1.5, 3.0], abs=0.04)
    for emission in found:
        assert emission.accepted
        assert 0.25 <= emission.decided_s - emission.end_s <= 0.25 + 0.033
        assert emission.probability == max(emission.probabilities.values())


@pytest.mark.parametrize("block", [7, 512, 5000, 64_000])
def test_blocks_of_any_size_give_the_same_answers(
    block: int, make_listener: Make, two_tones: NDArray[np.float32]
) -> None:
    stream = two_tones if block > 7 else two_tones[10_000:27_000]
    found, expected = hear(make_listener(), stream, block), hear(make_listener(), stream)
    assert told(found) == told(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.start_s, one.end_s, one.decided_s) == (other.start_s, other.end_s, other.decided_s)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 48_000])
def test_streams_of_any_rate_are_heard_alike(rate_hz: int, make_listener: Make) -> None:
    stream = stream_of((0, 1.0), (0.5, 0.5), (0, 1.0), (0.01, 0.5), (0, 1.0), rate_hz=rate_hz)
    found = hear(make_listener(rate_hz), stream)
    assert told(found) == [("speech", "loud"), ("speech", "quiet")]
    assert [e.start_s for e in found] == pytest.approx([1.0, 2.5], abs=0.05)


def test_speech_at_the_end_of_the_stream_is_answered(make_listener: Make, two_tones: NDArray[np.float32]) -> None:
    assert told(hear(make_listener(), two_tones[: 3 * STREAM_HZ])) == [("speech", "loud"), ("speech", "quiet")]


def test_short_sounds_are_passed_over(make_listener: Make) -> None:
    click = stream_of((0, 1.0), (0.5, 0.06), (0, 1.0))
    assert hear(make_listener(min_speech_ms=200), click) == []
    assert len(hear(make_listener(min_speech_ms=0), click)) == 1


def test_a_longer_hangover_joins_what_a_shorter_one_parts(make_listener: Make) -> None:
    parts = stream_of((0, 1.0), (0.5, 0.3), (0, 0.3), (0.5, 0.3), (0, 1.5))
    assert len(hear(make_listener(hangover_ms=150), parts)) == 2
    assert len(hear(make_listener(hangover_ms=600), parts)) == 1


def test_long_sounds_are_cut(make_listener: Make) -> None:
    # pauses keep the noise floor of the energy detector down
    stream = stream_of((0, 4.0), (0.5, 2.6), (0, 1.0))
    found = hear(make_listener(max_speech_ms=1000), stream)
    assert [round(e.end_s - e.start_s, 1) for e in found] == [1.0, 1.0, 0.6]


def test_windows_are_answered_at_each_stride(make_listener: Make) -> None:
    stream = stream_of((0, 4.0), (0.5, 2.1), (0, 1.0))
    found = hear(make_listener(stride_s=0.5), stream)
    assert [e.occasion for e in found] == ["window"] * len(found)
    assert [e.end_s for e in found] == pytest.approx([4.5, 5.0, 5.5, 6.0], abs=0.04)


def test_speech_shorter_than_the_stride_is_answered_as_a_whole(
    make_listener: Make, two_tones: NDArray[np.float32]
) -> None:
    assert told(hear(make_listener(stride_s=2.0), two_tones)) == [("speech", "loud"), ("speech", "quiet")]


def test_with_the_detector_off_windows_are_answered_all_the_time(make_listener: Make) -> None:
    found = hear(make_listener(vad="off", stride_s=0.5), stream_of((0.5, 2.05)))
    assert [e.occasion for e in found] == ["window"] * 4


def test_answers_below_the_threshold_are_told_only_when_forced(
    make_listener: Make, two_tones: NDArray[np.float32]
) -> None:
    assert hear(make_listener(conf_thresh=1.0, temp=50), two_tones) == []
    forced = hear(make_listener(conf_thresh=1.0, temp=50, force_emit=True), two_tones)
    assert [e.accepted for e in forced] == [False, False]


def test_temperature_sharpens_and_flattens(make_listener: Make, two_tones: NDArray[np.float32]) -> None:
    flat, plain, sharp = (hear(make_listener(temp=temp), two_tones)[0].probability for temp in (10.0, 1.0, 0.1))
    assert flat < plain < sharp


def test_digital_silence_has_no_answer(make_listener: Make) -> None:
    listener = make_listener(vad="off", stride_s=0.5)
    assert hear(listener, np.zeros(STREAM_HZ, dtype=np.float32)) == []


def test_a_window_that_is_asked_for(make_listener: Make) -> None:
    listener = make_listener(force_emit=False, conf_thresh=1.0)
    listener.push(stream_of((0.5, 0.3)))
    listener.hear(wanted=False)
    listener.capture()
    assert listener.status.capturing
    found = listener.push(stream_of((0.5, 2.0)))
    assert [e.occasion for e in found] == ["capture"]  # told although it is not accepted: somebody asked
    assert found[0].start_s == pytest.approx(0.3)
    assert not listener.status.capturing


def test_a_window_that_the_stream_ends_in_is_judged_as_far_as_it_goes(make_listener: Make) -> None:
    listener = make_listener()
    listener.hear(wanted=False)
    listener.capture()
    listener.push(stream_of((0.5, 0.2)))
    found = listener.finish()
    assert [e.occasion for e in found] == ["capture"]
    assert found[0].end_s == pytest.approx(0.2)


def test_what_comes_while_it_does_not_listen_is_not_heard(make_listener: Make) -> None:
    listener, tone = make_listener(), stream_of((0, 0.5), (0.5, 0.5), (0, 0.5))
    listener.hear(wanted=False)
    assert hear(listener, tone) == []
    assert not listener.status.hearing
    assert listener.status.heard_s == pytest.approx(1.5)
    listener.hear(wanted=True)
    assert [e.start_s for e in hear(listener, tone)] == pytest.approx([2.0], abs=0.04)


def test_speech_is_ended_when_it_stops_to_listen(make_listener: Make) -> None:
    listener = make_listener()
    listener.push(stream_of((0, 0.5), (0.5, 0.5)))
    assert listener.status.speaking
    assert told(listener.hear(wanted=False)) == [("speech", "loud")]


def test_speech_with_a_hole_is_forgotten_and_time_goes_on(make_listener: Make) -> None:
    listener = make_listener()
    listener.push(stream_of((0, 0.5), (0.5, 0.5)))
    listener.skip(2 * STREAM_HZ)
    found = hear(listener, stream_of((0, 0.5), (0.01, 0.5), (0, 1.0)))
    assert told(found) == [("speech", "quiet")]
    assert found[0].start_s == pytest.approx(3.5, abs=0.04)


def test_the_level_is_that_of_the_last_block(make_listener: Make) -> None:
    listener = make_listener()
    listener.push(stream_of((0.5, 0.1)))
    assert listener.status.level_db == pytest.approx(-9, abs=0.2)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 8), dtype=np.float32), "expected float32"),
        (np.zeros(8), "found float64"),
        (np.full(8, np.nan, dtype=np.float32), "no finite numbers"),
    ],
)
def test_samples_of_another_kind_are_refused(samples: NDArray[np.float32], message: str, make_listener: Make) -> None:
    with pytest.raises(AudioError, match=message):
        make_listener().push(samples)


def test_a_rate_below_that_of_the_bundle_is_refused_before_anything_is_heard(make_listener: Make) -> None:
    with pytest.raises(AudioError, match="4000 Hz"):
        make_listener(4000)


@pytest.mark.parametrize(
    ("option", "value"), [("vad", "loud"), ("vad_thresh", 1.5), ("temp", 0), ("stride_s", 0), ("hangover_ms", -1)]
)
def test_options_out_of_range_are_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=option):
        parse_config(ListenOptions, {option: value}, "listen")
