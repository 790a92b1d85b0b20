"""What becomes of an error, of Ctrl-C and of a closed pipe; the process around the commands."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from earmark import __version__
from earmark.cli import main as module
from earmark.core.errors import AudioError, ConfigError, EarmarkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Run

EARMARK = [sys.executable, "-c", "from earmark.cli.main import main; main()"]


def process(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*EARMARK, *map(os.fspath, arguments)], capture_output=True, check=False, **options)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Return a function that makes every command end in an error."""

    def prepare(error: BaseException) -> None:
        def app() -> NoReturn:
            raise error

        monkeypatch.setattr(module, "app", app)
        monkeypatch.setattr(sys, "argv", ["earmark"])

    return prepare


@pytest.mark.parametrize(
    ("error", "code"), [(AudioError("a.wav: is silent"), 1), (ConfigError("wrong"), 2), (EarmarkError("no"), 1)]
)
def test_an_error_is_one_line_and_an_exit_code(
    fail: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], error: EarmarkError, code: int
) -> None:
    fail(error)
    with pytest.raises(SystemExit) as exit_of:
        module.main()
    assert exit_of.value.code == code
    assert capsys.readouterr().err == f"earmark: {error}\n"


def test_debug_keeps_the_traceback(fail: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch) -> None:
    fail(AudioError("a.wav: is silent"))
    monkeypatch.setattr(sys, "argv", ["earmark", "--debug", "predict"])
    with pytest.raises(AudioError):
        module.main()


def test_ctrl_c_says_that_work_is_kept(
    fail: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    fail(SystemExit(130))
    with pytest.raises(SystemExit) as exit_of:
        module.main()
    assert exit_of.value.code == 130
    assert capsys.readouterr().err == "earmark: interrupted; finished work is kept\n"


@pytest.mark.parametrize("code", [0, 1, 2])
def test_other_exits_pass_in_silence(
    fail: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], code: int
) -> None:
    fail(SystemExit(code))
    with pytest.raises(SystemExit) as exit_of:
        module.main()
    assert exit_of.value.code == code
    assert capsys.readouterr().err == ""


def test_linear_algebra_gets_one_thread_unless_told_otherwise(
    fail: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    fail(SystemExit(0))
    with pytest.raises(SystemExit):
        module.main()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]) == ("1", "3")


def test_output_takes_any_file_name(fail: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    fail(SystemExit(0))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="utf-8"))
    with pytest.raises(SystemExit):
        module.main()
    sys.stdout.write("f\udcfcnf.wav")
    sys.stdout.flush()
    assert buffer.getvalue() == b"f\\udcfcnf.wav"


def test_output_may_go_into_a_string(fail: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch) -> None:
    fail(SystemExit(0))
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with pytest.raises(SystemExit):
        module.main()


def test_a_command_that_ends_by_itself_needs_no_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    monkeypatch.setattr(module, "app", lambda: runs.append("once"))
    module.main()
    assert runs == ["once"]


def test_version_and_help_are_shown(run: Run) -> None:
    assert run("--version").stdout == f"earmark {__version__}\n"
    for command in ("demo", "train", "evaluate", "predict", "data", "experiment", "bundle"):
        assert command in run("-h").stdout
        assert "Usage" in run(command, "--help").stdout


def test_an_unknown_command_is_a_mistake_in_the_command(run: Run) -> None:
    assert "predict" in run("predit", code=2).stderr


@pytest.mark.parametrize(("arguments", "level"), [((), "WARNING"), (("--debug",), "DEBUG")])
def test_logging_follows_the_settings(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], level: str
) -> None:
    import logging

    set_up: list[Any] = []
    monkeypatch.setattr(logging, "basicConfig", lambda **options: set_up.append(options["level"]))
    run(*arguments, "data", "ls")
    assert [logging.getLevelName(one) if isinstance(one, int) else one for one in set_up] == [level]


def test_a_misspelt_setting_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_DATADIR", "/somewhere")
    with pytest.raises(ConfigError, match="did you mean EARMARK_DATA_DIR"):
        run("data", "ls")


def test_a_command_ends_as_it_should_from_the_shell(bundle: Path, loud: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    good = process("predict", "-m", bundle, loud, "--json")
    assert (good.returncode, json.loads(good.stdout)["label"], good.stderr) == (0, "loud", b"")
    assert process("predict", "-m", bundle, loud, tmp_path / "empty.wav").returncode == 1
    missing = process("predict", "-m", tmp_path / "none", loud)
    assert missing.returncode == 1
    assert missing.stderr.count(b"\n") == 1
    assert missing.stderr.startswith(b"earmark: ")
    debug = process("--debug", "predict", "-m", tmp_path / "none", loud)
    assert b"Traceback" in debug.stderr
    assert process("predict", "--duration", "0", "-m", bundle, loud).returncode == 2
    assert process("predict", "--no-such-option").returncode == 2


def test_a_closed_pipe_ends_in_silence(bundle: Path, loud: Path) -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(
        [*EARMARK, "predict", "-m", str(bundle), *[str(loud)] * 50], stdout=writer, stderr=subprocess.PIPE
    ) as running:
        os.close(writer)
        os.close(reader)
        assert running.stderr is not None
        assert running.stderr.read() == b""
    assert running.returncode == 1


def test_a_name_that_is_not_utf_8_is_answered_in_json_and_text(bundle: Path, loud: Path) -> None:
    name = os.fsencode(loud.parent) + b"/f\xfcnf.wav"
    try:
        os.rename(loud, name)  # noqa: PTH104 - a Path holds text
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for flag in (["--json"], []):
        done = process("predict", "-m", bundle, *flag, os.fsdecode(name))
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"f\\udcfcnf.wav" in done.stdout
    told = json.loads(process("predict", "-m", bundle, "--json", os.fsdecode(name)).stdout)
    assert Path(told["path"]).exists()
