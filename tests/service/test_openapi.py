"""The OpenAPI description: complete, and true for whatever schemathesis makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.service.app import build_app
from earmark.service.auth import create_key
from earmark.service.auth.keys import MAX_RATE_PER_MINUTE
from earmark.service.database import Database, database_url
from earmark.service.options import ServeOptions
from tests.service.serving import PATIENCE_S, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

ROOT = Path(__file__).parents[2]
N_EXAMPLES = 15


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_is_described(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    found = dict(operations(description))
    assert {"POST /v1/classify", "POST /v1/classify/batch", "POST /v1/distortion", "GET /v1/models"} <= found.keys()
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)
    for name, operation in found.items():
        assert operation["tags"], name
        assert operation["description"], name
        assert "500" in operation["responses"], name
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")):
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (name, status)


def test_keys_are_described_where_they_are_needed(client: TestClient) -> None:
    for name, operation in operations(client.get("/openapi.json").json()):
        assert "security" not in operation, name
    for name, operation in operations(build_app(ServeOptions(auth="on")).openapi()):
        assert ("/v1/" in name) is bool(operation.get("security")), name


def test_the_number_of_files_in_a_batch_is_described(client: TestClient) -> None:
    body = client.get("/openapi.json").json()["paths"]["/v1/classify/batch"]["post"]["requestBody"]
    assert body["content"]["multipart/form-data"]["schema"]["properties"]["file"]["maxItems"] == 4


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Its own runner, since it makes up broken requests, follows links and tries without a key."""
    database = Database(database_url("", str(tmp_path)))
    database.open()
    key, _ = create_key(database, "tester", rate_per_minute=MAX_RATE_PER_MINUTE)
    database.close()
    with served(tmp_path, "digits", "distortion", "--auth", "on") as server:
        done = subprocess.run(
            [
                *(
                    str(Path(sys.executable).with_name("st")),
                    "--config-file",
                    str(ROOT / "tests/service/schemathesis.toml"),
                ),
                *("run", f"{server.address}/openapi.json", "--header", f"Authorization: Bearer {key}"),
                *("--max-examples", str(N_EXAMPLES), "--seed", "1", "--generation-deterministic"),
                *("--no-color", "--continue-on-failure", "--workers", "1"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=5 * PATIENCE_S,
            env=os.environ | {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.service.openapi_sounds"},
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
        assert "Tested: 9" in done.stdout, done.stdout[-3000:]
        assert '"status": 500' not in server.log.read_text()
