"""Datasets from emulators of Google Cloud Storage and Amazon S3, with everything going wrong that can."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import EarmarkError
from earmark.core.settings import settings
from earmark.data import LoadOptions, load_dataset, storage_faults
from tests.storage_proxy import Proxy, Trouble, corrupt, drop, stall, status, trickle, truncate
from tests.storage_servers import BUCKET, Server, environment, point_at, sound, use_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.storage_proxy import Reply

    Action = Callable[[BaseHTTPRequestHandler, Reply], None]

NAMES = ("cat/c.wav", "dog/a b+c.wav", "dog/größe#1.wav")
DOWNLOAD = r"GET (/download\S*|/calls/tree/)\S*c\.wav"  # of dog/a b+c.wav and cat/c.wav, as Google and Amazon spell it
LISTING = r"GET (/storage/v1/b/calls/o\?|/calls\?)"


@pytest.fixture
def way(server: Server, middle: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Proxy:
    """A bucket with three clips, reached through a proxy."""
    server.wipe()
    for name in NAMES:
        server.put(f"tree/{name}", sound(name))
    monkeypatch.setattr(storage_faults, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_STORAGE_RETRIES", "2")
    monkeypatch.setenv("EARMARK_STORAGE_TIMEOUT_S", "10")
    point_at(monkeypatch, server.scheme, middle.port)
    middle.troubles.clear()
    middle.requests.clear()
    return middle


@pytest.fixture
def address(server: Server) -> str:
    return f"{server.scheme}://{BUCKET}/tree/"


def check_whole(address: str) -> None:
    dataset = load_dataset(address)
    assert [clip.id for clip in dataset.clips] == list(NAMES)
    assert [clip.path.read_bytes() for clip in dataset.clips] == [sound(name) for name in NAMES]
    assert {clip.labels for clip in dataset.clips} == {("dog",), ("cat",)}
    assert dataset.source == address


def lose_patience_soon(action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a server that says nothing for a moment for one that is gone, where a test is about that."""
    if action is stall:
        use_environment(monkeypatch, EARMARK_STORAGE_TIMEOUT_S="0.6")


def kept() -> dict[str, bytes]:
    """Return the audio in the cache, hidden folders with what is half written included."""
    folder = settings().cache_dir / "storage"
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix == ".wav"}


def test_a_tree_is_fetched_once(way: Proxy, address: str) -> None:
    check_whole(address)
    n_requests = len(way.requests)
    check_whole(address)
    assert len(way.requests) == n_requests + 1, "the second time it is only listed"


def test_what_changed_is_fetched_again(way: Proxy, address: str, server: Server) -> None:
    check_whole(address)
    server.put("tree/cat/c.wav", sound("c again"))
    server.delete("tree/dog/a b+c.wav")
    way.requests.clear()
    clips = load_dataset(address).clips
    assert [clip.id for clip in clips] == ["cat/c.wav", "dog/größe#1.wav"]
    assert clips[0].path.read_bytes() == sound("c again")
    assert len(way.requests) == 2
    assert sorted(kept()) == ["c.wav", "größe#1.wav"]


def test_a_manifest_in_a_bucket_is_read(way: Proxy, server: Server) -> None:
    rows = f"path,label,group\n../tree/cat/c.wav,cat,g1\n{server.scheme}://{BUCKET}/tree/dog/größe#1.wav,dog,g2\n"
    server.put("list/clips.csv", rows.encode())
    for address in (f"{server.scheme}://{BUCKET}/list/clips.csv", f"{server.scheme}://{BUCKET}/list"):
        dataset = load_dataset(address)
        assert [(clip.id, clip.group) for clip in dataset.clips] == [
            ("../tree/cat/c.wav", "g1"),
            ("../tree/dog/größe#1.wav", "g2"),
        ]
        assert dataset.clips[1].path.read_bytes() == sound("dog/größe#1.wav")


@pytest.mark.parametrize(
    "action",
    [drop, truncate, corrupt, trickle, stall, status(503), status(500), status(429)],
    ids=["drop", "truncate", "corrupt", "trickle", "stall", "503", "500", "429"],
)
def test_a_fault_that_passes_is_got_over(
    way: Proxy, address: str, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_patience_soon(action, monkeypatch)
    trouble = way.order(DOWNLOAD, action, times=2)
    check_whole(address)
    assert trouble.n_done == 2


def test_listing_is_tried_again_too(way: Proxy, address: str) -> None:
    way.order(LISTING, status(503), times=1)
    way.order(LISTING, drop, times=1)
    check_whole(address)


LASTING = [
    ("drop", drop, r"failed \(broken off: .*; tried 3 times in \d+ s\); run the command again later"),
    ("503", status(503), r"failed \(the server answered 503; tried 3 times in \d+ s\)"),
    ("stall", stall, r"failed \(the server fell silent; tried 3 times in \d+ s\)"),
    ("truncate", truncate, r"arrives damaged \(\d+ bytes arrived, expected 844; tried 3 times in \d+ s\); upload it"),
    ("corrupt", corrupt, r"arrives damaged \(its MD5 is \w{32}, expected \w{32}; tried 3 times in \d+ s\)"),
    ("403", status(403, "not for you"), r"access refused \(not for you\); .*(GOOGLE_APPLICATION_CRED|AWS_ACCESS_KEY)"),
    ("401", status(401, "who are you"), r"access refused \(.*who are you.*\); .*(gcloud auth|AWS_SECRET_ACCESS_KEY)"),
    ("404", status(404), r"is listed, but is not there; run the command again"),
]


@pytest.mark.parametrize(("action", "message"), [case[1:] for case in LASTING], ids=[case[0] for case in LASTING])
def test_a_fault_that_lasts_is_one_clear_error_in_bounded_time(
    way: Proxy, address: str, action: Action, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_patience_soon(action, monkeypatch)
    trouble = way.order(DOWNLOAD.replace(r"c\.wav", r"(%20|\+)b\S*c\.wav"), action)
    begin_s = time.monotonic()
    with pytest.raises(EarmarkError, match=rf"^{re.escape(address)}dog/a b\+c\.wav: {message}"):
        load_dataset(address)
    assert time.monotonic() - begin_s < 8
    for name, content in kept().items():
        assert content == sound(next(known for known in NAMES if known.endswith(name))), "something is half written"
    assert trouble.n_done >= 1
    way.troubles.clear()
    check_whole(address)


def test_an_object_that_is_gone_can_be_left_out(way: Proxy, address: str) -> None:
    way.order(DOWNLOAD.replace(r"c\.wav", r"cat(%2F|/)c\.wav"), status(404))
    clips = load_dataset(address, LoadOptions(missing="skip")).clips
    assert [clip.id for clip in clips] == list(NAMES[1:])


def test_one_bad_object_among_many_loses_no_other(way: Proxy, address: str, server: Server) -> None:
    for number in range(20):
        server.put(f"tree/owl/{number}.wav", sound(str(number)))
    trouble = way.order(
        r"GET (/download|/calls/tree)\S*7\.wav", corrupt, times=3 * 2
    )  # 7.wav and 17.wav, three tries each
    with pytest.raises(EarmarkError, match=r"7\.wav: arrives damaged .* \(and 1 more objects\); 21 of 23 objects"):
        load_dataset(address)
    assert trouble.n_done == 6
    way.requests.clear()
    assert len(load_dataset(address).clips) == 23
    assert len(way.requests) == 3


def test_who_may_not_list_is_told_how_to_log_in(way: Proxy, address: str, server: Server) -> None:
    way.order(LISTING, status(403, "does not have storage.objects.list access"))
    remedy = "no credentials were found.*GOOGLE_APPLICATION_CREDENTIALS" if server.scheme == "gs" else "AWS_PROFILE"
    with pytest.raises(EarmarkError, match=rf"tree: access refused \(does not have storage.objects.list.*{remedy}"):
        load_dataset(address)


def test_a_bucket_that_does_not_exist_is_named(way: Proxy, server: Server) -> None:
    with pytest.raises(EarmarkError, match=rf'^{server.scheme}://nobody/x: there is no bucket "nobody"; correct the'):
        load_dataset(f"{server.scheme}://nobody/x/")


def test_a_folder_that_does_not_exist_is_named_with_the_near_one(way: Proxy, server: Server) -> None:
    with pytest.raises(EarmarkError, match=r'nothing is there; .*calls has no treee; did you mean "tree"'):
        load_dataset(f"{server.scheme}://{BUCKET}/treee/")
    with pytest.raises(EarmarkError, match=r"tree/clips\.csv: nothing is there"):
        load_dataset(f"{server.scheme}://{BUCKET}/tree/clips.csv")


def test_without_a_network_the_error_says_so_and_the_copy_can_be_used(
    way: Proxy, address: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_whole(address)
    point_at(monkeypatch, server.scheme, 9)  # the port of a service that nobody runs
    with pytest.raises(EarmarkError, match=r"tree: cannot be reached \(.*; tried 3 times.*EARMARK_OFFLINE=1"):
        load_dataset(address)
    use_environment(monkeypatch, EARMARK_OFFLINE="1")
    check_whole(address)


def test_species_come_from_the_sound_hub(way: Proxy, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    template = f"{server.scheme}://{{bucket}}/soundhub/data/audio/{{species}}/{{folder}}"
    use_environment(monkeypatch, GCS_BUCKET_NAME=BUCKET, EARMARK_SPECIES_AUDIO_URL=template)
    for species in ("coyote", "bullfrog"):
        server.put(f"soundhub/data/audio/{species}/data/XC1000{len(species)}.wav", sound(species))
        server.put(f"soundhub/data/audio/{species}/data_5s/XC1000{len(species)}_3.wav", sound(species + "5"))
    for source, end in (("soundhub:coyote,bullfrog", ".wav"), ("soundhub/data_5s:coyote,bullfrog", "_3.wav")):
        dataset = load_dataset(source)
        assert dataset.labels == ("bullfrog", "coyote")
        assert {clip.group for clip in dataset.clips} == {"XC10006", "XC10008"}
        assert all(clip.id.endswith(end) for clip in dataset.clips)


def test_a_process_that_is_killed_loses_nothing_and_leaves_nothing_half(
    way: Proxy, address: str, server: Server
) -> None:
    for number in range(12):
        server.put(f"tree/owl/{number:02}.wav", sound(f"owl {number}"))
    way.order(r"owl", trickle)
    code = f"from earmark.data import load_dataset; load_dataset({address!r})"
    variables = {**os.environ, **environment(server.scheme, way.port), "EARMARK_STORAGE_CONCURRENCY": "2"}
    process = subprocess.Popen([sys.executable, "-c", code], env=variables, stderr=subprocess.DEVNULL)
    end_s = time.monotonic() + 30
    while way.n_requests("owl") < 6 and time.monotonic() < end_s and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    whole = [path for path in (settings().cache_dir / "storage").rglob("*.wav") if ".writing-" not in str(path)]
    assert 2 <= len(whole) < 15
    for path in whole:
        name = f"owl {int(path.stem)}" if path.parent.name == "owl" else f"{path.parent.name}/{path.name}"
        assert path.read_bytes() == sound(name)
    way.troubles.clear()
    way.requests.clear()
    assert len(load_dataset(address).clips) == 15
    assert len(way.requests) <= 1 + 15 - len(whole) + 1, "what was whole is not fetched again"


def test_troubles_are_had_as_often_as_ordered(way: Proxy) -> None:
    assert Trouble("x", drop, times=1).n_done == 0
    way.order("one", drop, times=1)
    assert way.trouble_for("GET one") is not None
    assert way.trouble_for("GET one") is None
