"""Files are whole or absent: full disks, read-only folders and killed writers included."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, NoReturn

import pytest

from earmark.core.errors import EarmarkError, StoreError
from earmark.core.files import read_json, replacing, write_bytes, write_json, write_text


def full_disk(*_args: Any, **_options: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_whole_into_a_folder_that_did_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "results" / "2026" / "trial.bin"
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert names_in(path.parent) == ["trial.bin"]


def test_the_old_file_is_there_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "curve.svg"
    path.write_text("old")
    with replacing(path) as temporary:
        assert temporary.name == path.name
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names_in(tmp_path) == ["curve.svg"]


def test_a_failure_in_the_block_keeps_the_old_file_and_its_own_type(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("old")

    def export() -> NoReturn:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise EarmarkError("export failed")

    with pytest.raises(EarmarkError, match="export failed"):
        export()
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["model.onnx"]


def test_a_half_written_file_is_never_found_by_a_search_for_finished_ones(tmp_path: Path) -> None:
    with replacing(tmp_path / "trial.json") as temporary:
        temporary.write_text("{")
        assert list(tmp_path.glob("*.json")) == []
        temporary.write_text("{}")
    assert [path.name for path in tmp_path.glob("*.json")] == ["trial.json"]


def test_a_full_disk_is_reported_with_the_file_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trial.json"
    write_json(path, {"accuracy": 0.5})
    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(StoreError, match=r"trial\.json: cannot be written \(No space left on device\); free space"):
        write_json(path, {"accuracy": 0.9})
    assert read_json(path) == {"accuracy": 0.5}
    assert names_in(tmp_path) == ["trial.json"]


def test_a_disk_that_fills_up_at_the_rename_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trial.json"
    write_json(path, 1)
    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(StoreError, match="No space left on device"):
        write_json(path, 2)
    assert read_json(path) == 1
    assert names_in(tmp_path) == ["trial.json"]


def test_a_folder_that_cannot_be_written_to_is_reported(tmp_path: Path) -> None:
    # Not by chmod: the tests may run as root, for whom every folder is writable.
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"out\.txt: cannot be written \((Not a directory|File exists)\)"):
        write_text(tmp_path / "file" / "out.txt", "text")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_a_read_only_folder_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(StoreError, match=r"out\.txt: cannot be written \(Permission denied\); .* may write to"):
        write_text(folder / "out.txt", "text")


def test_a_read_only_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_args: Any, **_options: Any) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("tempfile.mkdtemp", read_only)
    with pytest.raises(StoreError, match=r"out\.txt: cannot be written \(Read-only file system\); .* may write to"):
        write_text(tmp_path / "out.txt", "text")


def test_a_name_taken_by_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "out.txt").mkdir()
    with pytest.raises(StoreError, match=r"out\.txt: cannot be written \(Is a directory"):
        write_text(tmp_path / "out.txt", "text")
    assert names_in(tmp_path) == ["out.txt"]


def test_a_block_that_makes_no_file_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"out\.npy: cannot be written \(No such file"),
        replacing(tmp_path / "out.npy"),
    ):
        pass
    assert names_in(tmp_path) == []


def test_another_file_that_fails_inside_the_block_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"out\.npy: cannot be written \(No such file or directory: .*five\.wav\)"),
        replacing(tmp_path / "out.npy"),
    ):
        (tmp_path / "five.wav").read_bytes()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_get_the_permissions_that_the_user_chose(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "shared.txt", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "shared.txt").stat().st_mode) == mode


def test_a_writer_killed_in_the_middle_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "trial.json"
    write_json(path, {"accuracy": 0.5})
    code = """
        import sys, time
        from pathlib import Path
        from earmark.core.files import replacing
        with replacing(Path(sys.argv[1])) as temporary:
            temporary.write_text('{"accuracy": 0.')
            print("half", flush=True)
            time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half\n"
        writer.send_signal(signal.SIGKILL)
        assert writer.wait(timeout=30) == -signal.SIGKILL
    assert read_json(path) == {"accuracy": 0.5}
    assert [found.name for found in tmp_path.glob("*.json")] == ["trial.json"]
    write_json(path, {"accuracy": 0.9})
    assert read_json(path) == {"accuracy": 0.9}


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "shared.json"
    code = """
        import sys
        from pathlib import Path
        from earmark.core.files import write_json
        for index in range(100):
            write_json(Path(sys.argv[1]), [sys.argv[2]] * 1000)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    writers = [subprocess.Popen([*command, name]) for name in ("a", "b")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    assert read_json(path) in (["a"] * 1000, ["b"] * 1000)
    assert names_in(tmp_path) == ["shared.json"]


def test_json_survives_the_way_through_a_file(tmp_path: Path) -> None:
    value = {"label": "fünf", "p": 0.1, "path": b"f\xfcnf.wav".decode(errors="surrogateescape"), "none": None}
    write_json(tmp_path / "value.json", value)
    assert read_json(tmp_path / "value.json") == value
    assert "fünf" in (tmp_path / "value.json").read_text(encoding="utf-8")


def test_json_without_a_value_for_nan_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "value.json", {"accuracy": float("nan")})
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b'{"accuracy": 0.', b"[" * 200_000, json.dumps({"a": 1}).encode() + b"}"],
    ids=["empty", "cut", "not-utf-8", "cut-number", "too-deep", "too-much"],
)
def test_a_file_that_is_not_json_is_named_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trial.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"trial\.json: is not valid JSON \(.*\); delete it and run the command again"):
        read_json(tmp_path / "trial.json")


def test_a_missing_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none\.json: cannot be read \(No such file or directory\)"):
        read_json(tmp_path / "none.json")
