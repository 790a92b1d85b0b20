from __future__ import annotations

import dataclasses
import http.server
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from earmark.core.errors import DataError, MissingExtraError, StoreError
from earmark.core.settings import settings
from earmark.data import corpora, download, transfer
from earmark.data.corpora import FETCHED, Corpus, cached_folder, corpus, digits, install
from earmark.data.corpus_layouts import content_checksum
from earmark.data.loading import load_dataset

MakeTone = Callable[..., Path]
UseDataDir = Callable[[Path], None]

pytestmark = pytest.mark.usefixtures("no_data_dir")


class Handler(http.server.BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def do_GET(self) -> None:
        content = self.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        length = len(content)
        if self.path.startswith("/broken"):
            length += 1000  # the line breaks in the middle
        if not self.path.startswith("/chunked"):
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSES_S", (0.0, 0.0, 0.0))


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """An address on this machine and the files that it serves."""
    files: dict[str, bytes] = {}
    handler = type("Served", (Handler,), {"files": files})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", files
        running.shutdown()
        thread.join()


def zip_of(folder: Path, top: str = "free-spoken-digit-dataset-26eb9aa") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{top}/", b"")
        archive.writestr(f"{top}/README.md", b"# FSDD\n")
        archive.writestr(f"{top}/metadata.py", b"raise SystemExit\n")
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{top}/{path.relative_to(folder).as_posix()}")
    return content.getvalue()


@pytest.fixture
def small_fsdd(tmp_path: Path, make_fsdd: Callable[[Path], Path]) -> tuple[Corpus, bytes]:
    folder = make_fsdd(tmp_path / "upstream")
    names = [path.name for path in (folder / "recordings").iterdir()]
    checksum = content_checksum(folder / "recordings", names)
    return dataclasses.replace(FETCHED["fsdd"], content_sha256=checksum), zip_of(folder)


def serve(monkeypatch: pytest.MonkeyPatch, entry: Corpus, server: tuple[str, dict[str, bytes]], **files: bytes) -> None:
    address, served = server
    served.update({f"/{name}": content for name, content in files.items()})
    urls = tuple(f"{address}/{name}" for name in files) or (f"{address}/none",)
    monkeypatch.setitem(FETCHED, "fsdd", dataclasses.replace(entry, urls=urls))


def test_fsdd_is_downloaded_checked_and_kept(
    small_fsdd: tuple[Corpus, bytes],
    server: tuple[str, dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
    diary: Any,
) -> None:
    entry, content = small_fsdd
    serve(monkeypatch, entry, server, zip=content)
    dataset = corpus("fsdd", diary)
    assert (dataset.name, len(dataset.clips), dataset.labels, dataset.licence) == (
        "fsdd",
        16,
        ("0", "1"),
        "CC BY-SA 4.0",
    )
    assert sorted(set(dataset.groups.tolist())) == ["ann", "bob"]
    assert {clip.id: clip.fold for clip in dataset.clips}["recordings/1_ann_4.wav"] == "test"
    assert diary.labels == ["download fsdd-26eb9aa"]
    assert diary.n_steps >= len(content)
    folder = cached_folder("fsdd")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "clips.csv", "recordings"]
    server[1].clear()
    assert corpus("fsdd").fingerprint == dataset.fingerprint  # from the cache


def test_the_second_address_is_tried_and_an_unstated_length_is_fine(
    small_fsdd: tuple[Corpus, bytes], server: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, content = small_fsdd
    address, served = server
    served["/chunked.zip"] = content
    monkeypatch.setitem(
        FETCHED, "fsdd", dataclasses.replace(entry, urls=(f"{address}/gone.zip", f"{address}/chunked.zip"))
    )
    assert len(corpus("fsdd").clips) == 16


def test_no_answer_says_what_was_tried_and_what_to_do(
    small_fsdd: tuple[Corpus, bytes], server: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, small_fsdd[0], server)
    message = (
        r"fsdd: download failed; tried http://127\.0\.0\.1:\d+/none \(the server answered 404\); "
        r"unpack a copy .* EARMARK_DATA_DIR, or use \"digits-espeak\""
    )
    with pytest.raises(DataError, match=message):
        corpus("fsdd")
    monkeypatch.setitem(FETCHED, "fsdd", dataclasses.replace(small_fsdd[0], urls=("http://127.0.0.1:9/x.zip",)))
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9/x\.zip \(no answer: "):
        corpus("fsdd")
    assert not list((settings().cache_dir / "corpora").iterdir())


@pytest.mark.parametrize("name", ["cut", "broken"])
def test_a_truncated_archive_is_never_taken_for_done(
    small_fsdd: tuple[Corpus, bytes],
    server: tuple[str, dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    entry, content = small_fsdd
    serve(monkeypatch, entry, server, **{name: content[: len(content) // 2]})
    with pytest.raises(DataError, match=r"is not a whole zip file|no answer"):
        corpus("fsdd")
    assert not list((settings().cache_dir / "corpora").iterdir())


def test_other_recordings_than_the_pinned_ones_are_refused(
    small_fsdd: tuple[Corpus, bytes], server: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, content = small_fsdd
    serve(monkeypatch, dataclasses.replace(entry, content_sha256="0" * 64), server, zip=content)
    with pytest.raises(
        DataError, match=r"fsdd: .*the 16 recordings of the archive have checksum [0-9a-f]{64}, expected 000"
    ):
        corpus("fsdd")


def test_an_archive_with_another_checksum_is_refused(
    small_fsdd: tuple[Corpus, bytes], server: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, content = small_fsdd
    serve(monkeypatch, dataclasses.replace(entry, archive_sha256="0" * 64), server, zip=content)
    with pytest.raises(DataError, match=r"damaged or another version: its SHA-256 is not 0000"):
        corpus("fsdd")


def test_an_archive_of_something_else_is_refused(tmp_path: Path, server: tuple[str, dict[str, bytes]]) -> None:
    (tmp_path / "other").mkdir()
    server[1]["/zip"] = zip_of(tmp_path / "other")
    entry = dataclasses.replace(FETCHED["fsdd"], content_sha256=None, urls=(f"{server[0]}/zip",))
    with pytest.raises(DataError, match=r"does not hold recordings/ and README\.md"):
        install(entry, tmp_path / "target")


def test_a_full_disk_is_a_store_error(
    small_fsdd: tuple[Corpus, bytes], server: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    serve(monkeypatch, small_fsdd[0], server, zip=small_fsdd[1])
    monkeypatch.setattr(download, "transfer", refuse)
    with pytest.raises(StoreError, match=r"cannot be written .No space left"):
        corpus("fsdd")


def test_offline_fails_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    settings.cache_clear()
    with pytest.raises(DataError, match=r"fsdd: is neither in EARMARK_DATA_DIR \(not set\) nor in .*EARMARK_OFFLINE"):
        corpus("fsdd")
    with pytest.raises(DataError, match=r"esc50: .*unpack a copy into a folder esc50"):
        corpus("esc50")


def test_any_folder_of_the_data_dir_with_a_manifest_is_a_corpus(
    tmp_path: Path, make_tone: MakeTone, use_data_dir: UseDataDir
) -> None:
    make_tone(tmp_path / "owls/a.wav")
    (tmp_path / "owls/clips.csv").write_text("path,label\na.wav,owl\n")
    use_data_dir(tmp_path)
    assert load_dataset("owls").labels == ("owl",)
    with pytest.raises(DataError, match=r'"owl": is neither a file, a folder, a corpus nor .*did you mean "owls"'):
        load_dataset("owl")
    with pytest.raises(DataError, match=r'no corpus "owl"; did you mean "owls"\?'):
        corpus("owl")


def test_an_unknown_name_lists_the_known_ones() -> None:
    message = r'"fsd": is neither a file, a folder, a corpus \(EARMARK_DATA_DIR is not set\); did you mean "fsdd"'
    with pytest.raises(DataError, match=message):
        load_dataset("fsd")


def test_digits_are_recorded_ones_where_they_can_be_had(
    small_fsdd: tuple[Corpus, bytes], server: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, small_fsdd[0], server, zip=small_fsdd[1])
    for _ in range(2):
        dataset, note = digits()
        assert dataset.name == "fsdd"
        assert note.startswith("Recorded digits: the Free Spoken Digit Dataset")


def test_digits_are_synthetic_ones_otherwise_and_it_is_said(
    tmp_path: Path, make_tone: MakeTone, monkeypatch: pytest.MonkeyPatch, use_data_dir: UseDataDir
) -> None:
    make_tone(tmp_path / "data/digits-espeak/a.wav")
    (tmp_path / "data/digits-espeak/clips.csv").write_text("path,label,group\na.wav,1,en-us+m1\n")
    use_data_dir(tmp_path / "data")
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    settings.cache_clear()
    dataset, note = digits()
    assert dataset.name == "digits-espeak"
    assert note.startswith("Synthetic digits: 1 voices of the speech synthesiser eSpeak NG, not people, because")


def test_a_damaged_local_copy_is_not_replaced_in_silence(tmp_path: Path, use_data_dir: UseDataDir) -> None:
    (tmp_path / "fsdd").mkdir()
    (tmp_path / "fsdd/clips.csv").write_text("path,label\nnone.wav,1\n")
    use_data_dir(tmp_path)
    with pytest.raises(DataError, match=r"none\.wav is not there"):
        digits()


def test_no_digits_at_all_names_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from earmark.data import digit_voices

    def refuse() -> None:
        raise MissingExtraError("espeakng_loader", "demo", "Speaking digits with eSpeak NG")

    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    monkeypatch.setattr(digit_voices, "_loader", refuse)
    settings.cache_clear()
    with pytest.raises(DataError, match=r"EARMARK_OFFLINE .*; without network: .*pip install 'earmark\[demo\]'"):
        corpora.digits()
