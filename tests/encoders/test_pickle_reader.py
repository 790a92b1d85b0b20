"""A pickle is read without anything in it being called."""

from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.errors import WeightsError
from earmark.encoders.pickle_reader import PickleReader

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def make(name: str, arguments: tuple[Any, ...]) -> Any:
    if name == "_codecs.encode":  # how protocol 2 writes bytes
        return arguments[0].encode(arguments[1])
    if name in ("builtins.bytes", "__builtin__.bytes"):
        return bytes(*arguments)
    if name == "collections.OrderedDict":
        return dict(*arguments)
    return name, arguments


def persistent(identifier: Any) -> Any:
    return "stored", identifier


def read(content: bytes) -> Any:
    return PickleReader(make, persistent).read(io.BytesIO(content))


@given(value=PLAIN, protocol=st.sampled_from([2, 3, 4, 5]))
def test_plain_values_come_out_as_they_went_in(value: Any, protocol: int) -> None:
    assert read(pickle.dumps(value, protocol=protocol)) == value


def test_a_value_used_twice_is_one_value() -> None:
    shared: list[int] = [1]
    found = read(pickle.dumps([shared, shared]))
    assert found[0] is found[1]


@pytest.mark.parametrize("protocol", [2, 4])
def test_calls_are_handed_over_by_name(protocol: int) -> None:
    assert read(pickle.dumps(Fraction(1, 3), protocol=protocol)) == ("fractions.Fraction", (1, 3))


def test_nothing_in_a_pickle_is_ever_called(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "was here"),)

    name, _ = read(pickle.dumps(Hostile(), protocol=2))
    assert name.endswith(".mkdir")
    assert not (tmp_path / "was here").exists()


def test_calling_the_result_of_a_call_is_refused() -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (Path("x"),)  # pickled as getattr(Path, "touch")(Path("x"))

    with pytest.raises(WeightsError, match="it calls what is no function's name"):
        read(pickle.dumps(Hostile(), protocol=2))


def test_attributes_that_are_set_afterwards_are_dropped() -> None:
    made = OrderedDict(a=1)
    made.metadata = {"version": 1}  # type: ignore[attr-defined]
    assert read(pickle.dumps(made, protocol=2)) == {"a": 1}


def test_the_stream_stands_behind_the_pickle_afterwards() -> None:
    stream = io.BytesIO(pickle.dumps([1]) + pickle.dumps("two") + b"rest")
    reader = PickleReader(make, persistent)
    assert (reader.read(stream), reader.read(stream)) == ([1], "two")
    assert stream.read() == b"rest"


def test_persistent_identifiers_are_handed_over() -> None:
    class Elsewhere(pickle.Pickler):
        def persistent_id(self, obj: object) -> str | None:
            return "id" if obj == "far away" else None

    content = io.BytesIO()
    Elsewhere(content, protocol=2).dump(["far away"])
    assert read(content.getvalue()) == [("stored", "id")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps([1, 2, 3])[:-3],
        b"\x80\x02.",  # nothing on the stack
        b"\x80\x02K\x01t.",  # a tuple without its beginning
        b"\x80\x02a.",  # appends to nothing
        b"\x80\x02\x86.",  # a pair of nothing
        b"\x80\x02h\x05.",  # what was never kept
        b"\x80\x02K\x01K\x02R.",  # calls a number
        b"\x80\x02X\xff\xff\xff\x7fa.",  # claims two gigabytes of text
        b"\x80\x02](K\x01}s.",  # an odd number of keys and values
        b"\x80\x02}]K\x01s.",  # a list as a key
    ],
)
def test_what_is_no_intact_pickle_is_refused(content: bytes) -> None:
    with pytest.raises(WeightsError, match="no intact pickle"):
        read(content)


def test_an_opcode_that_weights_never_need_is_refused() -> None:
    with pytest.raises(WeightsError, match="opcode EMPTY_SET, which no file of weights needs"):
        read(pickle.dumps({1, 2}, protocol=4))
