"""What a pickle says, without doing what it says.

Unpickling imports and calls whatever a file names, so a file from elsewhere can run anything. Here the opcodes, which
`pickletools` of the standard library takes apart, are followed by a machine that holds only dictionaries, lists,
tuples, numbers and strings. Where a pickle calls a function, `make` is handed the function's name and the arguments
and says what stands in its place.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from earmark.core.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

_LITERALS = frozenset(
    {"INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
    | {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_TUPLE_LENGTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})


@dataclass(frozen=True)
class Name:
    """The name of something that unpickling would import, such as "collections.OrderedDict"."""

    dotted: str


class _Mark:
    """Where a run of items begins on the stack."""


class PickleReader:
    """Follows the opcodes of one pickle.

    Args:
        make: Returns what a call of `name` with `arguments` stands for, or raises `WeightsError`.
        persistent: Returns what a persistent identifier stands for, or raises `WeightsError`.
    """

    def __init__(self, make: Callable[[str, tuple[Any, ...]], Any], persistent: Callable[[Any], Any]) -> None:
        self._make = make
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def read(self, stream: IO[bytes]) -> Any:
        """Return the value of the pickle that starts here; the stream stands behind it afterwards.

        Raises:
            WeightsError: It is no pickle, or holds what is not known here.
        """
        self._stack, self._memo = [], {}
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                self._follow(opcode.name, argument)
            return self._stack.pop()
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, EOFError) as error:
            raise WeightsError(f"no intact pickle: {error}") from error

    def _follow(self, opcode: str, argument: Any) -> None:
        if opcode in _LITERALS:
            self._stack.append(argument)
        elif opcode in _CONSTANTS:
            self._stack.append(_CONSTANTS[opcode])
        elif opcode in _EMPTY:
            self._stack.append(_EMPTY[opcode]())
        elif opcode in _TUPLE_LENGTHS:
            self._stack.append(tuple(self._pop(_TUPLE_LENGTHS[opcode])))
        elif opcode not in _IGNORED:
            step: Callable[[Any], None] | None = getattr(self, f"_do_{opcode.lower()}", None)
            if step is None:
                raise WeightsError(f"opcode {opcode}, which no file of weights needs")
            step(argument)

    def _pop(self, n_items: int) -> list[Any]:
        if n_items > len(self._stack):
            raise WeightsError("no intact pickle: it takes more than it gave")
        items = self._stack[-n_items:]
        del self._stack[-n_items:]
        return items

    def _pop_to_mark(self) -> list[Any]:
        place = max(index for index, item in enumerate(self._stack) if item is _Mark)
        items = self._stack[place + 1 :]
        del self._stack[place:]
        return items

    def _do_mark(self, _: Any) -> None:
        self._stack.append(_Mark)

    def _do_pop(self, _: Any) -> None:
        self._stack.pop()

    def _do_tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def _do_append(self, _: Any) -> None:
        (item,) = self._pop(1)
        self._stack[-1].append(item)

    def _do_appends(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._stack[-1].extend(items)

    def _do_setitem(self, _: Any) -> None:
        key, value = self._pop(2)
        self._stack[-1][key] = value

    def _do_setitems(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def _do_put(self, place: Any) -> None:
        self._memo[place] = self._stack[-1]

    _do_binput = _do_long_binput = _do_put

    def _do_memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _do_get(self, place: Any) -> None:
        self._stack.append(self._memo[place])

    _do_binget = _do_long_binget = _do_get

    def _do_global(self, argument: Any) -> None:
        self._stack.append(Name(".".join(argument.split(" ", 1))))

    def _do_stack_global(self, _: Any) -> None:
        self._stack.append(Name(".".join(self._pop(2))))

    def _do_binpersid(self, _: Any) -> None:
        self._stack.append(self._persistent(self._stack.pop()))

    def _do_reduce(self, _: Any) -> None:
        function, arguments = self._pop(2)
        if not isinstance(function, Name):
            raise WeightsError("no intact pickle: it calls what is no function's name")
        self._stack.append(self._make(function.dotted, arguments))

    _do_newobj = _do_reduce

    def _do_build(self, _: Any) -> None:
        self._stack.pop()  # attributes of an object, such as `_metadata` of a state dict: no numbers of a network
