"""What a discriminator's further heads read, as plain data: names, kinds and lengths in their order.

A head reads a few numbers from an image. Their kind says what the numbers mean:

| kind | numbers | `readings` gives |
|---|---|---|
| `category` | logits of a category's values | the chance of each value |
| `codes` | means of continuous codes | the means |
| `classes` | logits of the classes | the chance of each class |
| `real_and_fake_classes` | logits of the classes of reals, then of fakes | the chance of each class |
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def _either(logits: jax.Array) -> jax.Array:
    return jax.nn.softmax(logits).reshape(len(logits), 2, -1).sum(axis=1)


KINDS: Mapping[str, Callable[[jax.Array], jax.Array]] = MappingProxyType(
    {
        "category": jax.nn.softmax,
        "codes": lambda means: means,
        "classes": jax.nn.softmax,
        "real_and_fake_classes": _either,
    }
)


class Head(NamedTuple):
    """One head.

    Attributes:
        name: the head's name, such as "category_0".
        kind: what the numbers mean, one of `KINDS`.
        length: the number of numbers that the head reads.
    """

    name: str
    kind: str
    length: int


def parts(heads: Sequence[Head], read: Float[Array, "batch read"]) -> list[jax.Array]:
    """Return the numbers of each head.

    Args:
        heads: the heads, in order.
        read: what a discriminator read, ``[B, n]``.

    Raises:
        ValueError: if the lengths of the heads do not add up to n.
    """
    total = sum(head.length for head in heads)
    if read.shape[1:] != (total,):
        raise ValueError(
            f"the heads read {total} numbers, and the discriminator reads "
            f"{list(read.shape[1:])}: make it with heads=({total},)"
        )
    return jnp.split(read, list(accumulate(head.length for head in heads))[:-1], axis=1)


def readings(heads: Sequence[Head], read: Float[Array, "batch read"]) -> dict[str, jax.Array]:
    """Return what was read from images by the heads' names: chances or means, ``[B, k]`` each.

    Args:
        heads: the heads, in order.
        read: what a discriminator read, ``[B, n]``.
    """
    return {head.name: KINDS[head.kind](part) for head, part in zip(heads, parts(heads, read), strict=True)}


def heads_of(description: Any) -> tuple[Head, ...]:
    """Return heads of what JSON gives, a list of objects with the fields of `Head`.

    Raises:
        ValueError: if it describes no heads.
    """
    if not isinstance(description, list) or not all(isinstance(each, dict) for each in description):
        raise ValueError("its heads are no list of objects")
    try:
        heads = tuple(Head(**each) for each in description)
    except TypeError as error:
        raise ValueError(f"a head has {', '.join(Head._fields)}: {error}") from error
    for name, kind, length in heads:
        if not isinstance(name, str) or not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"the kind of a head is {', '.join(KINDS)}, got {kind!r:.60}")
        even = 2 if kind == "real_and_fake_classes" else 1
        if isinstance(length, bool) or not isinstance(length, int) or length < 1 or length % even:
            raise ValueError(f"the length of a head is at least {even}, got {length!r:.60}")
    if len({head.name for head in heads}) != len(heads):
        raise ValueError("two of its heads have the same name")
    return heads
