"""Settings come from the environment, and from nowhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from earmark.core.errors import ConfigError
from earmark.core.settings import Settings, settings, settings_from, variables


def test_an_empty_environment_gives_the_defaults() -> None:
    found = settings_from({})
    assert found.model_dump(exclude={"cache_dir"}) == {
        "data_dir": None,
        "weights_dir": None,
        "offline": False,
        "max_workers": 2,
        "random_seed": 0,
        "default_cv_folds": 5,
        "log_level": "WARNING",
        "gcp_project_id": None,
        "gcs_bucket_name": None,
        "google_application_credentials": None,
        "species_audio_url": "gs://{bucket}/soundhub/data/audio/{species}/{folder}",
        "results_url": "gs://{bucket}/soundhub/results/",
        "storage_concurrency": 16,
        "storage_retries": 5,
        "storage_timeout_s": 60.0,
    }
    assert found.cache_dir.name == "earmark"


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("EARMARK_DATA_DIR", "/data", "data_dir", Path("/data")),
        ("EARMARK_WEIGHTS_DIR", "models", "weights_dir", Path("models")),
        ("EARMARK_CACHE_DIR", "/cache", "cache_dir", Path("/cache")),
        ("EARMARK_OFFLINE", "1", "offline", True),
        ("EARMARK_OFFLINE", "false", "offline", False),
        ("EARMARK_MAX_WORKERS", "8", "max_workers", 8),
        ("MAX_WORKERS", "8", "max_workers", 8),
        ("EARMARK_RANDOM_SEED", "42", "random_seed", 42),
        ("RANDOM_SEED", "42", "random_seed", 42),
        ("EARMARK_DEFAULT_CV_FOLDS", "10", "default_cv_folds", 10),
        ("DEFAULT_CV_FOLDS", "10", "default_cv_folds", 10),
        ("EARMARK_LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
        ("LOG_LEVEL", "info", "log_level", "INFO"),
        ("EARMARK_GCP_PROJECT_ID", "owls", "gcp_project_id", "owls"),
        ("GCP_PROJECT_ID", "owls", "gcp_project_id", "owls"),
        ("GCS_BUCKET_NAME", "hub", "gcs_bucket_name", "hub"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/key.json", "google_application_credentials", Path("/key.json")),
        ("EARMARK_SPECIES_AUDIO_URL", "s3://a/{species}", "species_audio_url", "s3://a/{species}"),
        ("EARMARK_RESULTS_URL", "s3://a/results", "results_url", "s3://a/results"),
        ("EARMARK_STORAGE_CONCURRENCY", "4", "storage_concurrency", 4),
        ("EARMARK_STORAGE_RETRIES", "0", "storage_retries", 0),
        ("EARMARK_STORAGE_TIMEOUT_S", "2.5", "storage_timeout_s", 2.5),
    ],
)
def test_a_variable_sets_its_field(variable: str, text: str, field: str, value: object) -> None:
    assert getattr(settings_from({variable: text}), field) == value


def test_every_field_has_a_variable_and_a_description() -> None:
    for field, info in Settings.model_fields.items():
        assert variables(field)[0] == f"EARMARK_{field.upper()}"
        assert info.description


def test_the_prefixed_name_wins() -> None:
    environment = {"MAX_WORKERS": "3", "EARMARK_MAX_WORKERS": "7"}
    assert settings_from(environment).max_workers == 7
    assert settings_from(dict(reversed(environment.items()))).max_workers == 7


def test_a_folder_has_no_name_without_the_prefix() -> None:
    assert settings_from({"DATA_DIR": "/data", "OFFLINE": "1"}) == settings_from({})


@pytest.mark.parametrize("variable", ["EARMARK_CACHE_DIR", "MAX_WORKERS", "EARMARK_OFFLINE"])
def test_an_empty_variable_counts_as_not_set(variable: str) -> None:
    assert settings_from({variable: ""}) == settings_from({})


def test_an_empty_prefixed_name_lets_the_other_through() -> None:
    assert settings_from({"EARMARK_MAX_WORKERS": "", "MAX_WORKERS": "3"}).max_workers == 3


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    found = settings_from({"EARMARK_DATA_DIR": "~/audio", "EARMARK_CACHE_DIR": "~/cache"})
    assert (found.data_dir, found.cache_dir) == (Path("/home/ada/audio"), Path("/home/ada/cache"))


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("MAX_WORKERS", "0", "greater than or equal to 1"),
        ("MAX_WORKERS", "two", "valid integer"),
        ("EARMARK_MAX_WORKERS", "2.5", "valid integer"),
        ("RANDOM_SEED", "-1", "greater than or equal to 0"),
        ("DEFAULT_CV_FOLDS", "1", "greater than or equal to 2"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("EARMARK_OFFLINE", "maybe", "valid boolean"),
    ],
)
def test_a_bad_value_is_reported_by_the_variable_that_holds_it(variable: str, text: str, expected: str) -> None:
    message = f'^environment variable {variable}: found "{text}"; input should be .*{expected}'
    with pytest.raises(ConfigError, match=message):
        settings_from({variable: text})


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("EARMARK_RESULTS_URL", "gs://{bucket}/{species}", r"only \{bucket\} is filled in"),
        ("EARMARK_RESULTS_URL", "results/here", r"an address such as gs://"),
        ("EARMARK_SPECIES_AUDIO_URL", "gs://{bukket}/x", r"only \{bucket\}, \{species\}, \{folder\} is filled in"),
        ("EARMARK_SPECIES_AUDIO_URL", "gs://{bucket/x", "expected '}'"),
        ("EARMARK_STORAGE_CONCURRENCY", "0", "greater than or equal to 1"),
        ("EARMARK_STORAGE_RETRIES", "-1", "greater than or equal to 0"),
        ("EARMARK_STORAGE_TIMEOUT_S", "inf", "finite number"),
    ],
)
def test_a_setting_of_storage_that_makes_no_sense_is_refused(variable: str, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"^environment variable {variable}: .*{expected}"):
        settings_from({variable: text})


def test_all_bad_values_are_reported_at_once_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match=r"MAX_WORKERS: .*LOG_LEVEL: .*correct or unset it \(docs/settings\.md\)$"):
        settings_from({"LOG_LEVEL": "LOUD", "MAX_WORKERS": "many"})


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("EARMARK_CACHE_DRI", "EARMARK_CACHE_DIR"),
        ("EARMARK_WORKERS", "EARMARK_MAX_WORKERS"),
        ("EARMARK_WEIGHT_DIR", "EARMARK_WEIGHTS_DIR"),
        ("EARMARK_OFLINE", "EARMARK_OFFLINE"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_name_that_was_meant(variable: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"^environment variable {variable}: .*did you mean {meant}"):
        settings_from({variable: "1"})


@pytest.mark.parametrize("variable", ["EARMARK_PORT", "EARMARK_SERVICE_HOST", "EARMARK_PORT_8000_TCP", "PATH", "HOME"])
def test_variables_that_are_not_about_earmark_are_let_be(variable: str) -> None:
    assert settings_from({variable: "tcp://10.0.0.1:8000"}) == settings_from({})


def test_settings_cannot_be_changed_or_invented() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings_from({}).offline = True
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Settings.model_validate({"ofline": True})


def test_the_process_reads_its_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_MAX_WORKERS", "5")
    settings.cache_clear()
    first = settings()
    monkeypatch.setenv("EARMARK_MAX_WORKERS", "6")
    assert first.max_workers == 5
    assert settings() is first


def test_a_bad_environment_fails_at_use_and_not_at_import() -> None:
    code = "import earmark.core.settings as module; print('imported', flush=True); module.settings()"
    out = subprocess.run(
        [sys.executable, "-c", code], env={"MAX_WORKERS": "0"}, capture_output=True, text=True, check=False
    )
    assert out.returncode == 1
    assert out.stdout == "imported\n"
    assert 'ConfigError: environment variable MAX_WORKERS: found "0"' in out.stderr
