"""GET /v1/models: cards of what is served."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from earmark.models.bundle import load_bundle

if TYPE_CHECKING:
    from starlette.testclient import TestClient


def test_each_model_has_a_card(client: TestClient) -> None:
    answer = client.get("/v1/models").json()
    assert answer["loading"] == []
    cards = {card["name"]: card for card in answer["models"]}
    assert [(name, card["kind"], card["is_default"]) for name, card in cards.items()] == [
        ("digits", "labels", True),
        ("distortion", "distortion", True),
    ]
    spec = load_bundle("digits").spec
    card = cards["digits"]
    assert card["labels"] == list(spec.labels)
    assert card["spec"]["rate_hz"] == spec.frontend.rate_hz
    assert card["metrics"] == spec.metrics
    assert [licence["licence"] for licence in card["licences"]] == [part.licence for part in spec.licences]
    assert card["tells_unknown"] is True


def test_one_card_alone(client: TestClient) -> None:
    every = client.get("/v1/models").json()["models"]
    assert client.get("/v1/models/distortion").json() == every[1]


def test_an_unknown_name_is_told_the_nearest(client: TestClient) -> None:
    response = client.get("/v1/models/distorsion")
    assert response.status_code == 404
    assert 'did you mean "distortion"' in response.json()["detail"]


def test_no_card_holds_a_path(client: TestClient) -> None:
    text = client.get("/v1/models").text
    assert str(load_bundle("digits").folder) not in text
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
