"""What each clip of a corpus is to be."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, cast

import pytest

from earmark.core.errors import DataError
from earmark.distortion.corpus.faults import GRID, effects_of
from earmark.distortion.corpus.plan import (
    QUIET_DB,
    SHARES,
    SPLITS,
    USUAL_DB,
    ClipPlan,
    CorpusOptions,
    is_positive,
    native_compression,
    plan_corpus,
    split_tracks,
)
from earmark.distortion.corpus.variants import VARIANTS
from earmark.distortion.effects import EFFECTS
from earmark.distortion.severity import KINDS, TRACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.distortion.corpus.tracks import Track
    from earmark.distortion.severity import Kind

    NewTrack = Callable[..., Track]

CLIPS = {"train": 600, "validation": 100, "same": 60, "calibrate": 100, "test": 300, "wild": 10}


@pytest.fixture(scope="module")
def tracks(new_track: NewTrack) -> list[Track]:
    made = [new_track(f"a{number}", source="a", track=f"song {number}") for number in range(20)]
    made += [new_track(f"b{number}", source="b", track=f"song {number}", n_channels=1) for number in range(10, 40)]
    made += [
        new_track(f"c{number}", source="c", lossless=False, codec="vorbis", kbps=96.0, duration_s=7.0)
        for number in range(20)
    ]
    made += [new_track(f"d{number}", source="d", rate_hz=22_050) for number in range(8)]
    for role in ("calibrate", "test", "wild"):
        made += [new_track(f"{role}{number}", source=role, role=role) for number in range(3)]
    return made


@pytest.fixture(scope="module")
def plans(tracks: list[Track]) -> list[ClipPlan]:
    return plan_corpus(tracks, CorpusOptions(CLIPS))


def kinds_of(plan: ClipPlan) -> list[str]:
    return [EFFECTS[fault.effect].kind for fault in plan.faults]


def test_plans_are_decided_by_tracks_options_and_seed(tracks: list[Track], plans: list[ClipPlan]) -> None:
    assert plan_corpus(tracks, CorpusOptions(CLIPS)) == plans
    other = plan_corpus(tracks, CorpusOptions(CLIPS, seed=1))
    assert [plan.id for plan in other] == [plan.id for plan in plans]
    assert not any(one.peak_db == two.peak_db for one, two in zip(other, plans, strict=True))
    assert {plan.id: plan for plan in plan_corpus(tracks, CorpusOptions({"test": 300}))}.items() <= {
        plan.id: plan for plan in plans
    }.items()


def test_names_are_unique_and_parts_have_their_shares(plans: list[ClipPlan]) -> None:
    assert len({plan.id for plan in plans}) == len(plans)
    counted = Counter((plan.split, plan.part) for plan in plans)
    assert counted == {
        (split, part): round(share * CLIPS[split]) for split in SPLITS for part, share in SHARES[split].items()
    }
    for shares in SHARES.values():
        assert sum(shares.values()) == pytest.approx(1)


def test_no_piece_is_in_two_splits_whoever_plays_it(plans: list[ClipPlan], tracks: list[Track]) -> None:
    for seed in range(5):
        where = defaultdict(set)
        for split, found in split_tracks(tracks, seed).items():
            for track in found:
                where[track.track].add(split)
        assert {len(splits) for splits in where.values()} == {1}
    planned = defaultdict(set)
    for plan in plans:
        planned[plan.track.track].add(plan.split)
    assert {len(splits) for splits in planned.values()} == {1}


def test_pieces_are_split_70_15_15_and_other_roles_keep_to_themselves(new_track: NewTrack) -> None:
    pool = [new_track(f"{source}{number}", source=source) for source in "xy" for number in range(20)]
    other = [new_track(role, source=role, role=role) for role in ("calibrate", "test", "wild")]
    found = split_tracks([*pool, *other], 0)
    for source in "xy":
        sizes = {split: sum(track.source == source for track in found[split]) for split in SPLITS}
        assert sizes == {"train": 14, "validation": 3, "same": 3, "calibrate": 0, "test": 0, "wild": 0}
    for role in ("calibrate", "test", "wild"):
        assert [track.id for track in found[role]] == [role]
    assert split_tracks(pool, 0)["train"] != split_tracks(pool, 1)["train"]


def test_grid_and_single_go_through_all_steps_and_effects_alike_often(plans: list[ClipPlan]) -> None:
    for kind in KINDS:
        of_kind = [plan for plan in plans if plan.split == "test" and plan.part in {"grid", "single"}]
        of_kind = [plan for plan in of_kind if kinds_of(plan) == [kind]]
        steps = [GRID[kind].index(plan.faults[0]) for plan in of_kind if plan.part == "grid"]
        assert set(steps) == set(range(len(GRID[kind])))
        assert max(Counter(steps).values()) - min(Counter(steps).values()) <= 1
        effects = Counter(plan.faults[0].effect for plan in of_kind if plan.part == "single")
        assert set(effects) == set(effects_of(kind))
        assert max(effects.values()) - min(effects.values()) <= 1


def test_faults_are_those_that_the_track_can_take(plans: list[ClipPlan]) -> None:
    n_faults = {"clean": 0, "hard": 0, "grid": 1, "single": 1, "two": 2, "grid-two": 2, "partial": 1}
    for plan in plans:
        kinds = kinds_of(plan)
        assert len(set(kinds)) == n_faults[plan.part]
        if plan.part == "grid-two":
            assert all(fault in GRID[cast("Kind", kind)] for fault, kind in zip(plan.faults, kinds, strict=True))
        if "compression" in kinds:
            assert plan.track.lossless
            assert plan.track.rate_hz >= 32_000
            assert plan.variant != "rate"
        if "phase" in kinds:
            assert plan.track.n_channels == 2
            assert plan.variant != "mono"


def test_hard_clips_come_in_every_variant_and_clean_ones_in_none(plans: list[ClipPlan]) -> None:
    assert {plan.variant for plan in plans if plan.part == "hard"} == set(VARIANTS)
    assert {plan.variant for plan in plans if plan.part == "clean"} == {""}
    damaged = [plan.variant != "" for plan in plans if plan.faults]
    assert sum(damaged) / len(damaged) == pytest.approx(0.3, abs=0.07)


def test_levels_and_bits_tell_nothing_of_faults(plans: list[ClipPlan]) -> None:
    for plan in plans:
        low_db, high_db = QUIET_DB if plan.variant == "quiet" else USUAL_DB
        assert low_db <= plan.peak_db <= high_db
    assert {plan.bits for plan in plans} == {16, 24}


def test_clips_lie_inside_their_tracks_and_some_are_short(plans: list[ClipPlan]) -> None:
    for plan in plans:
        assert plan.start_s >= 0
        assert plan.start_s + plan.duration_s <= plan.track.duration_s + 1e-9
        if plan.split in {"same", "test", "wild"} or plan.part == "partial":
            assert plan.duration_s == min(10, plan.track.duration_s)
        assert 3 <= plan.duration_s <= 10
    shorter = [plan.duration_s < min(10, plan.track.duration_s) for plan in plans if plan.split == "train"]
    assert 0.05 < sum(shorter) / len(shorter) < 0.2


def test_faults_of_a_part_leave_as_much_time_as_they_take(plans: list[ClipPlan]) -> None:
    for plan in plans:
        assert (plan.span is not None) == (plan.part == "partial")
        if plan.span is not None:
            inside_s = (plan.span[1] - plan.span[0]) * plan.duration_s
            assert 0 <= plan.span[0] < plan.span[1] <= 1
            assert 2.5 - 1e-6 <= inside_s <= plan.duration_s - 2.5 + 1e-6


def test_clips_shorter_than_the_shortest_can_be_asked_for(tracks: list[Track]) -> None:
    for plan in plan_corpus(tracks, CorpusOptions({"train": 40}, clip_s=1.0)):
        assert plan.duration_s == 1
        if plan.span is not None:
            assert plan.span[1] - plan.span[0] == pytest.approx(0.5)


def test_no_large_source_rules(new_track: NewTrack) -> None:
    many = [new_track(f"m{number}", source="many", role="test") for number in range(81)]
    plans = plan_corpus([*many, new_track("f", source="few", role="test")], CorpusOptions({"test": 500}))
    assert sum(plan.track.source == "few" for plan in plans) == pytest.approx(50, abs=20)


def test_splits_without_tracks_and_faults_without_takers_are_refused(new_track: NewTrack) -> None:
    mono = [new_track("m", role="test", n_channels=1)]
    with pytest.raises(DataError, match=r'no track for "wild".*ask for no wild clips'):
        plan_corpus(mono, CorpusOptions({"wild": 1}))
    with pytest.raises(DataError, match='none of the 1 tracks for "test" can take a fault of phase'):
        plan_corpus(mono, CorpusOptions({"test": 100}))
    coded = [new_track("c", role="test", lossless=False, codec="mp3", kbps=128.0)]
    with pytest.raises(DataError, match='"test" can take a fault of compression'):
        plan_corpus(coded, CorpusOptions({"test": 100}))
    assert plan_corpus([], CorpusOptions({})) == []


def test_what_a_codec_did_to_a_track_is_known(new_track: NewTrack) -> None:
    assert native_compression(new_track("a")) == 0
    coded = {"lossless": False, "codec": "mp3", "kbps": 128.0}
    assert native_compression(new_track("b", **coded)) == pytest.approx(1 / 3)
    assert native_compression(new_track("b", **coded, n_channels=1)) == 0
    assert native_compression(new_track("b", **coded, n_channels=6)) == pytest.approx(1 / 3)


def test_a_trace_is_none() -> None:
    assert is_positive(TRACE)
    assert not is_positive(TRACE - 1e-6)


def test_the_usual_corpus_has_clips_of_every_split() -> None:
    assert set(CorpusOptions().clips) == set(SPLITS)
