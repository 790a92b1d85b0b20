"""The tree of errors and the end of messages about unknown names."""

from __future__ import annotations

import inspect
import pickle

import pytest

from earmark.core import errors
from earmark.core.errors import EarmarkError, MissingExtraError, did_you_mean


def error_classes() -> list[type[EarmarkError]]:
    found = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, EarmarkError)]
    return [value for value in found if value is not EarmarkError]


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_every_error_stands_in_the_tree_that_the_module_draws(error: type[EarmarkError]) -> None:
    lines = (errors.__doc__ or "").splitlines()
    depth = {name: line.index(name) for line in lines for name in line.split() if name.endswith("Error")}
    parent = error.__bases__[0]
    assert depth[error.__name__] > depth[parent.__name__]
    assert error.__doc__


def test_a_single_except_catches_every_error_of_the_package() -> None:
    assert {error.__name__ for error in error_classes()} == {
        "ConfigError",
        "AudioError",
        "DataError",
        "LeakError",
        "ModelError",
        "BundleError",
        "WeightsError",
        "StoreError",
        "MissingExtraError",
    }


def test_a_missing_extra_is_named_with_the_line_that_installs_it() -> None:
    error = MissingExtraError("av", "av", "Decoding AAC")
    assert str(error) == "Decoding AAC needs the package av; install it with: pip install 'earmark[av]'"


def test_an_extra_that_does_not_load_is_not_called_missing() -> None:
    message = str(MissingExtraError("av", "av", "Decoding AAC", fault="libavcodec.so.61: not found"))
    assert "is installed but does not load (libavcodec.so.61: not found)" in message
    assert message.endswith("pip install --force-reinstall 'earmark[av]'")


def test_errors_keep_their_message_on_the_way_out_of_a_worker_process() -> None:
    sent = [error("clips.csv:41: found 3") for error in error_classes() if error is not MissingExtraError]
    sent.append(MissingExtraError("av", "av", "Decoding AAC", fault="libavcodec.so.61: not found"))
    received = pickle.loads(pickle.dumps(sent))  # noqa: S301 - written one line above
    assert [(type(error), str(error)) for error in received] == [(type(error), str(error)) for error in sent]


def test_a_near_miss_gets_the_nearest_name_and_all_of_them() -> None:
    assert did_you_mean("mffc", ["mfcc", "logmel"]) == '; did you mean "mfcc"? (known: logmel, mfcc)'


@pytest.mark.parametrize("name", ["", "zzz", "étude"])
def test_a_wild_name_gets_no_guess(name: str) -> None:
    assert did_you_mean(name, ["mfcc", "logmel"]) == " (known: logmel, mfcc)"


def test_nothing_known_is_said_so() -> None:
    assert did_you_mean("mfcc", []) == " (known: none)"
