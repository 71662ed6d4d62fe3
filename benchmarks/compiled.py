"""What a compiled program does on one chip, read from the text that XLA writes of it.

A program is a list of instructions. Most run as a kernel each: a fusion of many operations, a call into a
library, a product, a copy. What is inside a fusion is no kernel of its own, and tuples and bitcasts cost
nothing. Loops count once, however often they turn.
"""

import itertools
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
MOVES = ("copy", "transpose")
_FREE = {
    "parameter",
    "constant",
    "tuple",
    "get-tuple-element",
    "bitcast",
    "iota",
    "after-all",
    "partition-id",
}
_FREE |= {"while", "conditional", "call", "async-update", "opt-barrier", "replica-id", "domain"}
_INSTRUCTION = re.compile(r"^\s*(ROOT )?%?([\w.\-]+) = (.*?) ([a-z][a-z0-9\-]*)\((.*)$")
_HEADER = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{$")
_ARRAY = re.compile(r"(pred|token|[a-z]+\d+\w*)\[([\d,]*)\](?:\{([^}]*)\})?")
_OPERAND = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(r"(?:calls|to_apply|body|condition|true_computation|false_computation)=%?([\w.\-]+)")
_BODY = re.compile(r"body=%?([\w.\-]+)")
_BITS = {"pred": 8, "token": 0}
_NUMBER = 8  # bytes of a single number at most


class Leaf(NamedTuple):
    """One array of an instruction's result.

    Attributes:
        bytes: the array's size, in bytes.
        in_memory: whether it lies in the chip's memory, not in a memory on the chip (a TPU's VMEM).
    """

    bytes: int
    in_memory: bool


class Instruction(NamedTuple):
    """One instruction.

    Attributes:
        name: the instruction's name.
        kind: the operation, such as "fusion".
        result: the arrays of its result.
        rest: the text from its operands on.
        is_root: whether its result is that of its computation.
    """

    name: str
    kind: str
    result: tuple[Leaf, ...]
    rest: str
    is_root: bool

    @property
    def operands(self) -> list[str]:
        """The names of its operands."""
        depths = itertools.accumulate(((letter == "(") - (letter == ")") for letter in self.rest), initial=1)
        inside = itertools.takewhile(lambda pair: pair[0] > 0, zip(depths, self.rest, strict=False))
        return _OPERAND.findall("".join(letter for _, letter in inside))


class Program(NamedTuple):
    """What one chip does in one call.

    Attributes:
        kernels: number of kernels; single numbers, which a chip computes on the side, are none.
        custom_calls: how many of them are calls into a library.
        copies: how many of them only copy or transpose an array, prefetches left out.
        copied_bytes: bytes of the arrays that these make.
        traffic_bytes: bytes that the kernels read from the chip's memory and write to it.
        collectives: number of collectives of each kind; those that there are none of are left out.
        collective_bytes: bytes of the results of each kind of collective, on one chip.
    """

    kernels: int
    custom_calls: int
    copies: int
    copied_bytes: int
    traffic_bytes: int
    collectives: dict[str, int]
    collective_bytes: dict[str, int]

    def sent_bytes(self, chips: int) -> float:
        """Return how many bytes each chip sends if the collectives run around a ring of so many chips.

        An all-reduce is a reduce-scatter and an all-gather. Each of those sends all but a chip's own share of
        the whole array, which is the result of a gather and `chips` times the result of a scatter.
        """
        others = (chips - 1) / chips
        shares = {"all-reduce": 2 * others, "reduce-scatter": chips * others, "collective-permute": 1.0}
        return sum(shares.get(kind, others) * size for kind, size in self.collective_bytes.items())


def read(text: str, *, loop: bool = False) -> Program:
    """Return what a compiled program does.

    Args:
        text: the text of the optimized program, ``compiled.as_text()``.
        loop: look at one round of the program's loop, and not at what comes before and after it.
    """
    computations = _computations(text)
    if loop:
        computations = _of_loop(computations)
    inside = {
        called
        for instructions in computations.values()
        for each in instructions
        if each.kind not in ("while", "conditional", "call", "async-start")
        for called in _CALLED.findall(each.rest)
    }
    kernels = custom_calls = copies = copied = traffic = 0
    for name, instructions in computations.items():
        if name in inside:
            continue
        results = {each.name: each.result for each in instructions}
        for each in instructions:
            if each.kind in _FREE or each.kind.endswith("-done"):
                continue
            traffic += _traffic(each, results)
            if each.kind.endswith("-start"):
                continue  # a prefetch, or a collective
            if _is_collective(each.kind) or max((leaf.bytes for leaf in each.result), default=0) <= _NUMBER:
                continue
            kernels += 1
            custom_calls += each.kind == "custom-call"
            if _moves(each, computations):
                copies += 1
                copied += sum(leaf.bytes for leaf in each.result)
    numbers, sizes = _collectives(computations)
    return Program(kernels, custom_calls, copies, copied, traffic, numbers, sizes)


def _computations(text: str) -> dict[str, list[Instruction]]:
    computations: dict[str, list[Instruction]] = {}
    current: list[Instruction] = []
    for line in re.sub(r"/\*.*?\*/", "", text).splitlines():
        if header := _HEADER.match(line):
            current = computations.setdefault(header[1], [])
        elif match := _INSTRUCTION.match(line):
            root, name, shape, kind, rest = match.groups()
            current.append(Instruction(name, kind, tuple(_leaves(shape)), rest, bool(root)))
    return computations


def _of_loop(computations: dict[str, list[Instruction]]) -> dict[str, list[Instruction]]:
    """Return the body of the longest loop, with all that it calls."""
    bodies = [
        match[1]
        for instructions in computations.values()
        for each in instructions
        if each.kind == "while" and (match := _BODY.search(each.rest))
    ]
    found: dict[str, list[Instruction]] = {}
    waiting = [max(bodies, key=lambda name: len(computations[name]))]
    while waiting:
        name = waiting.pop()
        if name in computations and name not in found:
            found[name] = computations[name]
            waiting += [called for each in found[name] for called in _CALLED.findall(each.rest)]
    return found


def _leaves(shape: str) -> Iterator[Leaf]:
    for kind, sizes, layout in _ARRAY.findall(shape):
        bits = _BITS.get(kind) or int(re.sub(r"\D", "", kind.split("e")[0]) or 0)
        count = math.prod(int(size) for size in sizes.split(",") if size)
        yield Leaf(-(-bits * count // 8), "S(" not in layout)


def _traffic(instruction: Instruction, results: dict[str, tuple[Leaf, ...]]) -> int:
    """Return the bytes that an instruction moves from and to the chip's memory.

    A prefetch (``copy-start``, ``slice-start``) moves as much as it makes. Its result is a tuple: of a copy
    the new array and the old one, of a slice the old one and the new one.
    """
    read = [leaf for operand in instruction.operands for leaf in results.get(operand, ())]
    if instruction.kind in ("copy-start", "slice-start"):
        made = instruction.result[0 if instruction.kind == "copy-start" else 1]
        return made.bytes * (made.in_memory + any(leaf.in_memory for leaf in read))
    written = instruction.result if not instruction.kind.endswith("-start") else ()
    return sum(leaf.bytes for leaf in (*read, *written) if leaf.in_memory)


def _moves(instruction: Instruction, computations: dict[str, list[Instruction]]) -> bool:
    """Return whether a kernel does nothing but copy or transpose."""
    if instruction.kind != "fusion":
        return instruction.kind in MOVES
    for called in _CALLED.findall(instruction.rest):
        kinds = {each.kind for each in computations.get(called, ())} - _FREE
        return bool(kinds) and kinds <= {*MOVES, "reshape"}
    return False


def _is_collective(kind: str) -> bool:
    return kind.removesuffix("-start") in COLLECTIVES


def _collectives(computations: dict[str, list[Instruction]]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the number of collectives and their bytes by kind.

    A TPU runs some of them in pieces among other kernels; all pieces of one carry the same ``chain_id``.
    """
    numbers: dict[str, int] = {}
    sizes: dict[str, int] = {}
    chains = set()
    for instructions in computations.values():
        for each in instructions:
            if not _is_collective(each.kind):
                continue
            kind = each.kind.removesuffix("-start")
            if chain := re.search(r'chain_id="(\w+)"', each.rest):
                if chain[0] in chains:
                    continue
                chains.add(chain[0])
            result = each.result
            if each.kind.endswith("-start") and kind != "all-reduce":
                result = result[len(each.operands) :][: len(each.operands)]  # behind the operands
            numbers[kind] = numbers.get(kind, 0) + 1
            sizes[kind] = sizes.get(kind, 0) + sum(leaf.bytes for leaf in result)
    return numbers, sizes
