"""The client of docs/serve.md, run against a live service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from earmark.inference import Predictor
from tests.service.serving import encoded, served, tone

PAGE = Path(__file__).parents[2] / "docs" / "serve.md"


def client_code() -> str:
    (code,) = re.findall(r"```python skip-test=[^\n]*\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    return str(code)


def test_the_client_of_the_page_works(tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "client"}
    exec(compile(client_code(), str(PAGE), "exec", dont_inherit=True), names)  # noqa: S102 - it is our own page
    sound = tmp_path / "tone.wav"
    sound.write_bytes(encoded(tone()))
    expected = Predictor.load("digits").predict_file(sound)
    (tmp_path / "state").mkdir()
    with served(tmp_path / "state", "digits") as server:
        answer = names["classify"](sound, server.address, model="digits")
        assert (answer.label, answer.accepted) == (expected.label, expected.accepted)
        assert answer.scores == pytest.approx(expected.probabilities, abs=1e-5)
        sound.write_bytes(b"text")
        with pytest.raises(RuntimeError, match=r"tone\.wav: does not begin like any file of sound"):
            names["classify"](sound, server.address)
