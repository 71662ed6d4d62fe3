"""The instructions of a pickle, followed without doing what they say.

The standard library's `pickletools.genops` splits a pickle into instructions. `Program` keeps the stack and
the memo that these work on. An instruction that would import something makes a `Name`. One that would call
something, or make an object, makes a `Call`, which keeps the arguments, the state and the items that the
object would get. Lists, tuples, dictionaries, strings, bytes and numbers are real.
"""

import io
import pickletools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

MOST_INSTRUCTIONS = 4_000_000  # in one file; the snapshots of the largest networks have some 300,000

_PLAIN = (str, int, float, bytes, type(None))
_CONSTANTS = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE "
    "SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 FLOAT BINFLOAT"
)


class Name(NamedTuple):
    """What a pickle would import."""

    module: str
    name: str

    def __str__(self) -> str:
        """Return the whole name as messages show it: a file may have anything for a name."""
        return shown(f"{self.module}.{self.name}")


def shown(name: str) -> str:
    """Return a name from a file as a message shows it: short, and on one line."""
    return re.sub(r"[^\w.:-]", "?", name[:80])


class Call:
    """What a pickle would call, or the object that it would make.

    Attributes:
        function: what would be called: a `Name`, or anything else that a file puts there.
        arguments: its arguments.
        state: what the object would be filled with; None for nothing.
        items: what would be appended to it.
        entries: what would be set in it, by key.
    """

    __slots__ = ("arguments", "entries", "function", "items", "state")

    def __init__(self, function: Any, arguments: Any) -> None:
        self.function, self.arguments, self.state = function, arguments, None
        self.items: list[Any] = []
        self.entries: dict[Any, Any] = {}

    def calls(self, *names: str) -> bool:
        """Return whether the function has one of some names, each with its module."""
        return isinstance(self.function, Name) and ".".join(self.function) in names


class _Key:
    """Stands for a key that is no plain value; a nested one could not even be hashed safely."""


class Program:
    """Follows one pickle after another, within one allowance of instructions.

    Args:
        limit: number of instructions of all pickles together.
    """

    def __init__(self, limit: int = MOST_INSTRUCTIONS) -> None:
        self.left = self.limit = limit

    def spend(self, count: int) -> None:
        """Take some instructions from the allowance, or what takes as long as these.

        Raises:
            ValueError: if none are left.
        """
        self.left -= count
        if self.left < 0:
            raise ValueError(f"it has more than {self.limit:,} instructions")

    def follow(self, file: io.BytesIO, persistent: Callable[[Any], Any] | None = None) -> Any:
        """Return what the pickle at the file's position makes, and leave the position behind it.

        Args:
            file: a file in memory: a read of what a pickle claims takes no more memory than there is content.
            persistent: makes something of a persistent id; None where there are none.

        Raises:
            ValueError: if it is no pickle, is damaged, or goes beyond the limit.
        """
        machine = _Machine(persistent, self.spend)
        try:
            for instruction, argument, _ in pickletools.genops(file):
                self.spend(1)
                machine.do(instruction.name, argument)
            return machine.pop()
        except (IndexError, TypeError, KeyError, OverflowError, RecursionError, MemoryError) as error:
            raise ValueError(f"it is a damaged pickle ({type(error).__name__})") from error


class _Machine:
    """The stack, its marks, and the memo."""

    def __init__(self, persistent: Callable[[Any], Any] | None, spend: Callable[[int], None]) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.persistent, self.spend = persistent, spend

    def do(self, name: str, argument: Any) -> None:
        """Follow one instruction."""
        action = _ACTIONS.get(name)
        if action is None:
            raise ValueError(f"it has the instruction {name}, which weights do not need")
        action(self, argument)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise IndexError
        return self.stack.pop()

    def top(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise IndexError
        return self.stack[-1]

    def pop_to_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def remember(self, place: int) -> None:
        self.memo[place] = self.top()

    def call(self, function: Any, arguments: Any) -> None:
        if isinstance(function, Name) and function == ("collections", "OrderedDict"):
            pairs = arguments[0] if arguments else ()
            self.spend(len(pairs))  # many dictionaries may be made of one list
            self.push({_key(key): value for key, value in pairs})
        else:
            self.push(Call(function, arguments))

    def append(self, values: list[Any]) -> None:
        target = self.top()
        (target.items if isinstance(target, Call) else _of(target, list)).extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.top()
        entries = target.entries if isinstance(target, Call) else _of(target, dict)
        if len(values) % 2:
            raise IndexError
        entries.update(zip(map(_key, values[::2]), values[1::2], strict=True))

    def build(self) -> None:
        state, target = self.pop(), self.top()
        if isinstance(target, Call):
            target.state = state
        elif not isinstance(target, dict):  # an OrderedDict may have attributes, such as PyTorch's _metadata
            raise TypeError

    def persist(self, pid: Any) -> None:
        if self.persistent is None:
            raise ValueError("it refers to something outside of itself")
        self.push(self.persistent(pid))


def _of(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _key(value: Any) -> Any:
    return value if isinstance(value, (*_PLAIN, Name)) else _Key()


def _name(machine: _Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push(Name(_of(module, str), _of(name, str)))


def _global(machine: _Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.push(Name(module, name))


def _reduce(machine: _Machine, _: Any) -> None:
    arguments = machine.pop()
    machine.call(machine.pop(), arguments)


def _with_options(machine: _Machine, _: Any) -> None:
    options, arguments, function = machine.pop(), machine.pop(), machine.pop()
    machine.push(Call(function, (arguments, options)))


def _inst(machine: _Machine, argument: str) -> None:
    arguments = tuple(machine.pop_to_mark())
    _global(machine, argument)
    machine.call(machine.pop(), arguments)


def _obj(machine: _Machine, _: Any) -> None:
    function, *arguments = machine.pop_to_mark()
    machine.call(function, tuple(arguments))


def _some(count: int) -> Callable[[_Machine, Any], None]:
    def action(machine: _Machine, _: Any) -> None:
        machine.push(tuple([machine.pop() for _ in range(count)][::-1]))

    return action


def _dictionary(machine: _Machine, _: Any) -> None:
    values = machine.pop_to_mark()
    machine.push({})
    machine.set_items(values)


_Action = Callable[[_Machine, Any], Any]
_ACTIONS: dict[str, _Action] = {
    **dict.fromkeys(_CONSTANTS.split(), lambda machine, argument: machine.push(argument)),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda machine, argument: None),
    **dict.fromkeys(
        ("PUT", "BINPUT", "LONG_BINPUT"), lambda machine, argument: machine.remember(int(argument))
    ),
    **dict.fromkeys(
        ("GET", "BINGET", "LONG_BINGET"), lambda machine, argument: machine.push(machine.memo[int(argument)])
    ),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _reduce),
    "NEWOBJ_EX": _with_options,
    "INST": _inst,
    "OBJ": _obj,
    "BUILD": lambda machine, _: machine.build(),
    "GLOBAL": _global,
    "STACK_GLOBAL": _name,
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "POP": lambda machine, _: (
        machine.marks.pop()
        if machine.marks and len(machine.stack) == machine.marks[-1]
        else machine.stack.pop()
    ),
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "DUP": lambda machine, _: machine.push(machine.top()),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE1": _some(1),
    "TUPLE2": _some(2),
    "TUPLE3": _some(3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.pop_to_mark()),
    "EMPTY_SET": lambda machine, _: machine.push([]),  # a set's members need not be plain: a list will do
    "FROZENSET": lambda machine, _: machine.push(machine.pop_to_mark()),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    **dict.fromkeys(("APPENDS", "ADDITEMS"), lambda machine, _: machine.append(machine.pop_to_mark())),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "DICT": _dictionary,
    "SETITEM": lambda machine, _: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "PERSID": lambda machine, argument: machine.persist(argument),
    "BINPERSID": lambda machine, _: machine.persist(machine.pop()),
}


def bytes_of(value: Any) -> bytes | None:
    """Return bytes, also those of the first protocols, which call a codec; None for anything else."""
    if isinstance(value, Call) and isinstance(value.arguments, tuple):
        if value.calls("__builtin__.bytes", "builtins.bytes") and not value.arguments:
            return b""
        value = value.arguments[0] if value.calls("_codecs.encode") and value.arguments else None
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            return None
    return bytes(value) if isinstance(value, bytes | bytearray) else None


def entries_of(value: Any) -> dict[Any, Any] | None:
    """Return the entries of a dictionary, or of an object that would be one; None for anything else."""
    if isinstance(value, dict):
        return value
    if isinstance(value, Call) and value.entries:
        return value.entries
    return None
