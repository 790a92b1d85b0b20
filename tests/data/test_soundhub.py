"""Species of the sound hub become labels, their recordings groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import ConfigError, DataError
from earmark.data import LoadOptions, load_dataset
from earmark.data.soundhub import is_soundhub, recording_of, species_address
from tests.storage_servers import memory, sound, use_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HUB = {
    "coyote/data": ["XC123_yip.wav", "den_3.wav", "den_30.wav", "pack/howl.wav"],
    "coyote/data_5s": ["XC123_yip_0.wav", "den_3_0.wav", "den_3-1.wav", "den_30_0.wav"],
    "bullfrog/data": ["pond.wav"],
    "bullfrog/data_5s": ["pond_0.wav", "stray.wav"],
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    use_environment(
        monkeypatch,
        EARMARK_CACHE_DIR=str(tmp_path / "cache"),
        EARMARK_SPECIES_AUDIO_URL="memory://{bucket}/audio/{species}/{folder}",
        GCS_BUCKET_NAME="hub",
    )
    with memory() as system:
        for folder, names in HUB.items():
            for name in names:
                system.pipe(f"/hub/audio/{folder}/{name}", sound(folder + name))
        yield system


@pytest.mark.parametrize(("source", "found"), [("soundhub:a", True), ("soundhub/x:a", True), ("soundhubs:a", False)])
def test_a_source_of_the_sound_hub_is_known_by_its_name(source: str, found: bool) -> None:
    assert is_soundhub(source) is found


def test_species_are_labels_and_names_tell_recordings(hub: Any) -> None:
    dataset = load_dataset("soundhub:coyote, bullfrog")
    assert dataset.labels == ("bullfrog", "coyote")
    assert (dataset.name, dataset.source) == ("soundhub", "memory://hub/audio/{coyote,bullfrog}/data")
    assert {clip.id: clip.group for clip in dataset.clips} == {
        "coyote/XC123_yip.wav": "XC123",
        "coyote/den_3.wav": "coyote/den_3",
        "coyote/den_30.wav": "coyote/den_30",
        "coyote/pack/howl.wav": "coyote/pack/howl",
        "bullfrog/pond.wav": "bullfrog/pond",
    }


def test_cuts_have_the_groups_of_the_recordings_they_come_from(hub: Any) -> None:
    dataset = load_dataset("soundhub/data_5s:coyote,bullfrog")
    assert {clip.id: clip.group for clip in dataset.clips} == {
        "coyote/XC123_yip_0.wav": "XC123",
        "coyote/den_3_0.wav": "coyote/den_3",
        "coyote/den_3-1.wav": "coyote/den_3",
        "coyote/den_30_0.wav": "coyote/den_30",
        "bullfrog/pond_0.wav": "bullfrog/pond",
        "bullfrog/stray.wav": "bullfrog/stray",
    }


def test_offline_groups_are_the_same(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    online = load_dataset("soundhub/data_5s:coyote,bullfrog")
    monkeypatch.setattr("earmark.data.storage_client.ON_THIS_MACHINE", frozenset())
    use_environment(monkeypatch, EARMARK_OFFLINE="1")
    assert load_dataset("soundhub/data_5s:coyote,bullfrog").fingerprint == online.fingerprint


def test_a_rule_for_groups_that_is_given_wins(hub: Any) -> None:
    options = LoadOptions(group_by=r"(?P<group>[a-zA-Z]+)")
    groups = {clip.group for clip in load_dataset("soundhub:coyote", options).clips}
    assert groups == {"XC", "den", "howl"}
    by_file = load_dataset("soundhub:coyote", LoadOptions(group_by="file"))
    assert all(clip.group == clip.id for clip in by_file.clips)


def test_recordings_are_cut_into_windows(hub: Any) -> None:
    clips = load_dataset("soundhub:bullfrog", LoadOptions(window_s=0.02)).clips
    assert [clip.id for clip in clips][:2] == ["bullfrog/pond.wav@0.0+0.02", "bullfrog/pond.wav@0.02+0.02"]
    assert {clip.group for clip in clips} == {"bullfrog/pond"}


def test_a_species_that_is_not_there_is_named_with_the_near_one(hub: Any) -> None:
    with pytest.raises(DataError, match='audio has no coyotte; did you mean "coyote"'):
        load_dataset("soundhub:coyotte")


def test_a_species_with_nothing_but_tables_has_no_audio(hub: Any) -> None:
    hub.pipe("/hub/audio/cow/data/x.parquet", b"x")
    with pytest.raises(DataError, match="holds no audio of cow"):
        load_dataset("soundhub:cow")


@pytest.mark.parametrize("source", ["soundhub", "soundhub:", "soundhub:a,,b", "soundhub:../x", "soundhub/a/b:c"])
def test_a_misspelt_source_says_how_it_is_spelt(source: str) -> None:
    with pytest.raises(ConfigError, match="expected species with commas between them"):
        load_dataset(source)


def test_a_species_stands_once() -> None:
    with pytest.raises(ConfigError, match="the species frog stands twice"):
        load_dataset("soundhub:frog,frog")


def test_the_address_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    use_environment(monkeypatch, GCS_BUCKET_NAME="owls")
    assert species_address("barn_owl") == "gs://owls/soundhub/data/audio/barn_owl/data"
    assert species_address("barn_owl", "data_5s") == "gs://owls/soundhub/data/audio/barn_owl/data_5s"


def test_without_a_bucket_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    use_environment(monkeypatch)
    with pytest.raises(ConfigError, match="no bucket is set; name it with GCS_BUCKET_NAME"):
        species_address("coyote")


def test_another_folder_needs_a_place_in_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    use_environment(monkeypatch, EARMARK_SPECIES_AUDIO_URL="memory://hub/{species}")
    assert species_address("coyote") == "memory://hub/coyote"
    with pytest.raises(ConfigError, match=r'soundhub/data_5s: EARMARK_SPECIES_AUDIO_URL has no "\{folder\}"'):
        species_address("coyote", "data_5s")


@pytest.mark.parametrize(
    ("name", "recording"),
    [
        ("XC12345 - Coyote - Canis latrans.mp3", "XC12345"),
        ("xc12345_03.wav", "XC12345"),
        ("ML98765.wav", "ML98765"),
        ("20200512_030000.WAV", "20200512_030000"),
        ("SMM07_20200512_030000_seg1.wav", "SMM07_20200512_030000"),
        ("howl_seg3.wav", "coyote/howl"),
        ("howl-part-2.wav", "coyote/howl"),
        ("howl_10.0_15.0.wav", "coyote/howl"),
        ("howl_10_15s.wav", "coyote/howl"),
        ("pack/howl_chunk12.wav", "coyote/pack/howl"),
        ("coyote_017.wav", "coyote/coyote_017"),  # a number alone may count recordings
        ("howl_2_3.wav", "coyote/howl_2_3"),
        ("seg3.wav", "coyote/seg3"),
        ("17.wav", "coyote/17"),
    ],
)
def test_a_recording_is_taken_from_a_name_only_where_it_is_told(name: str, recording: str) -> None:
    assert recording_of("coyote", name) == recording
