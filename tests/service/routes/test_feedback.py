from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import StoreError
from earmark.service.auth import create_key
from earmark.service.database import Database, database_url
from earmark.service.feedback import SoundShelf, Wanted, list_feedback
from earmark.service.options import ServeOptions
from tests.service.feedback.conftest import answer, fields, sha256_of, wav
from tests.service.serving import asked
from tests.service.tone_bundles import train_tones

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

SOUND = wav()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    train_tones(folder)
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def here(folder: Path, state: Path) -> Iterator[TestClient]:
    options = ServeOptions(models=(str(folder / "tones"),), state_dir=str(state), max_upload_mb=1, reload_s=0)
    with asked(options) as client:
        yield client


def post(client: TestClient, given: dict[str, str], audio: bytes | None = None, key: str = "", **headers: str) -> Any:
    files = {"audio": ("a.wav", audio, "audio/wav")} if audio is not None else {}
    plain = {name: (None, text) for name, text in given.items()}
    return client.post("/v1/feedback", files={**plain, **files}, headers=headers | ({"X-API-Key": key} if key else {}))


def kept(state: Path) -> list[str]:
    return [path.stem for path in state.glob("audio/??/*")]


def stored(state: Path) -> list[Any]:
    database = Database(database_url("", str(state)))
    database.open()
    try:
        return list_feedback(database, Wanted(history=True))
    finally:
        database.close()


def test_an_answer_is_corrected_and_its_sound_kept(here: TestClient, state: Path) -> None:
    result = here.post("/v1/classify", content=SOUND, headers={"Content-Type": "audio/wav"}).json()
    other = "quiet" if result["accepted_labels"] == ["loud"] else "loud"
    given = {"result": json.dumps(result), "verdict": "wrong", "label": other, "consent": "true", "recording": "tape 4"}
    done = post(here, given, SOUND)
    assert done.status_code == 201
    assert done.json()["audio_kept"] is True
    (entry,) = stored(state)
    assert entry.id == done.json()["id"]
    assert (entry.who, entry.model, entry.label, entry.recording) == ("local", "tones", other, "tape 4")
    assert entry.model_version == result["model"]["version"]
    assert entry.probability == pytest.approx(result["probability"])
    assert kept(state) == [sha256_of(SOUND)]
    assert post(here, given, SOUND).json() == done.json()


def test_without_consent_no_sound_is_kept(here: TestClient, state: Path) -> None:
    for consent in ("false", ""):
        done = post(here, fields(SOUND, consent=consent), SOUND)
        assert (done.status_code, done.json()["audio_kept"]) == (201, False)
    assert post(here, fields(SOUND), SOUND).status_code == 201
    assert kept(state) == []


def test_consent_without_a_sound_keeps_the_word(here: TestClient) -> None:
    done = post(here, fields(SOUND, consent="true"))
    assert (done.status_code, done.json()["audio_kept"]) == (201, False)


@pytest.mark.parametrize(
    ("given", "audio", "status", "detail"),
    [
        (fields(b"another"), SOUND, 422, "SHA-256 differ"),
        (fields(result=answer(SOUND) | {"audio": {"sha256": sha256_of(SOUND), "duration_s": 7.0}}), SOUND, 422, "long"),
        (fields(b"no sound at all"), b"no sound at all", 415, "a.wav"),
        (fields(SOUND[:60]), SOUND[:60], 422, "a.wav"),
        (fields(SOUND) | {"lable": "x"}, None, 422, 'did you mean "label"'),
        (fields(SOUND) | {"audio": "text"}, None, 422, "a file in the field audio"),
        ({"verdict": "wrong"}, None, 422, '"result" is missing'),
        (fields(SOUND, comment="x" * 2001), None, 422, "comment"),
    ],
)
def test_what_is_wrong_with_it_is_told_and_nothing_stored(
    here: TestClient, state: Path, given: dict[str, str], audio: bytes | None, status: int, detail: str
) -> None:
    refused = post(here, given, audio)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert detail in refused.json()["detail"]
    assert str(state) not in refused.text
    assert stored(state) == []
    assert kept(state) == []


def test_other_kinds_of_body_are_refused(here: TestClient) -> None:
    assert here.post("/v1/feedback", json=fields(SOUND)).status_code == 415
    assert here.post("/v1/feedback", data=fields(SOUND)).status_code == 415
    assert here.post("/v1/feedback").status_code == 415
    broken = {"Content-Type": "multipart/form-data"}
    assert here.post("/v1/feedback", content=b"--x", headers=broken).status_code == 400
    twice = [("verdict", (None, "wrong")), ("verdict", (None, "correct"))]
    assert here.post("/v1/feedback", files=twice).status_code == 422


def test_a_body_over_the_limit_is_refused(here: TestClient, state: Path) -> None:
    assert post(here, fields(SOUND), bytes(1_100_000)).status_code == 413
    assert stored(state) == []


def test_a_foreign_page_cannot_post(here: TestClient, state: Path) -> None:
    assert post(here, fields(SOUND), Origin="https://evil.example").status_code == 403
    assert stored(state) == []


def test_what_cannot_be_written_is_told_without_a_path(
    here: TestClient, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError(f"{state}: disk full")

    monkeypatch.setattr(SoundShelf, "keep", full)
    refused = post(here, fields(SOUND, consent="true"), SOUND)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert str(state) not in refused.text


def test_feedback_carries_the_name_of_the_key(folder: Path, state: Path) -> None:
    options = ServeOptions(models=(str(folder / "tones"),), state_dir=str(state), auth="on", reload_s=0)
    with asked(options) as client:
        refused = post(client, fields(SOUND))
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        database = Database(database_url("", str(state)))
        key, _ = create_key(database, "ada", 2)
        database.close()
        assert post(client, fields(SOUND), Authorization=f"Bearer {key}").status_code == 201
        assert post(client, fields(SOUND), key=key).status_code == 201
        done = post(client, fields(SOUND), key=key)
        assert done.status_code == 429
        assert int(done.headers["retry-after"]) >= 1
    assert {entry.who for entry in stored(state)} == {"ada"}


def test_the_form_is_described(here: TestClient) -> None:
    described = here.get("/openapi.json").json()["paths"]["/v1/feedback"]["post"]
    form = described["requestBody"]["content"]["multipart/form-data"]
    assert set(form["schema"]["properties"]) == {
        *("result", "verdict", "label", "start_s", "end_s", "comment", "recording", "consent", "audio")
    }
    assert post(here, form["example"]).status_code == 201
    assert {"201", "401", "413", "415", "422", "429"} <= set(described["responses"])
