"""The prior: what distribution a generator's latents have, as plain data.

A prior is a row of blocks. A block has a kind and a length, and a latent vector is their draws one after the
other. So a latent stays one vector, and every generator plays every game:

    Prior((("normal", 62), ("one_hot", 10), ("uniform", 2)))    # InfoGAN's: noise, a category, two codes

| kind | draw |
|---|---|
| `normal` | independent standard normal numbers |
| `uniform` | independent uniform numbers in [-1, 1) |
| `one_hot` | one 1 at a uniformly drawn place, and zeros |
| `gumbel` | independent numbers of the standard Gumbel distribution |

References:
    Chen et al. 2016, InfoGAN, https://arxiv.org/abs/1606.03657
    White 2016, Sampling Generative Networks, https://arxiv.org/abs/1609.04468
"""

import dataclasses
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

SMALLEST_LENGTHS = 1e-12  # product of two lengths; float32 cannot hold derivatives of smaller ones' angle

_KINDS: dict[str, Callable[[jax.Array, int], jax.Array]] = {
    "normal": lambda key, n: jax.random.normal(key, (n,), jnp.float32),
    "uniform": lambda key, n: jax.random.uniform(key, (n,), jnp.float32, minval=-1.0),
    "one_hot": lambda key, n: jax.nn.one_hot(jax.random.randint(key, (), 0, n), n, dtype=jnp.float32),
    "gumbel": lambda key, n: jax.random.gumbel(key, (n,), jnp.float32),
}


@dataclasses.dataclass(frozen=True)
class Prior:
    """The distribution of a latent vector.

    Attributes:
        blocks: kind and length of each block, in order; lists, as JSON gives them, are understood too.

    Raises:
        ValueError: if there is no block, a kind is unknown, a length is below 1, or a category has fewer than
            two values.
    """

    blocks: Sequence[Sequence[Any]]

    def __post_init__(self) -> None:
        blocks = tuple(tuple(block) for block in self.blocks)
        object.__setattr__(self, "blocks", blocks)
        if not blocks:
            raise ValueError("a prior has at least one block, such as ('normal', 62), got none")
        for kind, length in blocks:
            if kind not in _KINDS:
                raise ValueError(f"a block of a prior is {', '.join(_KINDS)}, got {kind!r}")
            least = 2 if kind == "one_hot" else 1
            if isinstance(length, bool) or not isinstance(length, int) or length < least:
                raise ValueError(f"a block {kind!r} of a prior has at least length {least}, got {length}")

    @property
    def size(self) -> int:
        """The length of a latent vector."""
        return sum(length for _, length in self.blocks)

    def draw(self, key: Key[Array, ""]) -> Float[Array, " latent"]:
        """Return one latent vector; a prior of one block draws with the key itself."""
        if len(self.blocks) == 1:
            ((kind, length),) = self.blocks
            return _KINDS[kind](key, length)
        draws = [_KINDS[kind](jax.random.fold_in(key, i), n) for i, (kind, n) in enumerate(self.blocks)]
        return jnp.concatenate(draws)

    def split(self, latents: Float[Array, "*batch latent"]) -> list[Float[Array, "*batch block"]]:
        """Return the blocks of latents, in order.

        Raises:
            ValueError: if the latents have another length.
        """
        if latents.shape[-1] != self.size:
            raise ValueError(f"latents of this prior have length {self.size}, got {latents.shape[-1]}")
        return jnp.split(latents, list(accumulate(length for _, length in self.blocks))[:-1], axis=-1)

    def between(
        self, start: Float[Array, "count latent"], end: Float[Array, "count latent"], share: float
    ) -> Float[Array, "count latent"]:
        """Return latents part of the way: normal blocks along the sphere (`slerp`), the others straight.

        Args:
            start: latents ``[count, latent]``.
            end: latents of the same shape.
            share: the part of the way, in [0, 1].
        """
        ways = [
            slerp(a, b, share) if kind == "normal" else (1 - share) * a + share * b
            for (kind, _), a, b in zip(self.blocks, self.split(start), self.split(end), strict=True)
        ]
        return jnp.concatenate(ways, axis=-1)

    def as_json(self) -> list[Any]:
        """Return the blocks as JSON values; ``Prior(blocks)`` gives the prior back."""
        return [list(block) for block in self.blocks]


def normal(length: int) -> Prior:
    """Return the prior of the plain GAN: standard normal latents."""
    return Prior((("normal", length),))


def draw_rows(prior: Prior, key: Key[Array, ""], count: int) -> Float[Array, "count latent"]:
    """Return latents ``[count, latent]``; latent i depends on the key and on i, not on the count."""
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(count))
    return jax.vmap(prior.draw)(keys)


def slerp(
    start: Float[Array, "count latent"], end: Float[Array, "count latent"], share: float | Float[Array, ""]
) -> Float[Array, "count latent"]:
    """Return latents part of the way from `start` to `end`, along the sphere.

    A straight line between two normal vectors passes points that are much shorter than any training latent.
    Between ends that are zero or parallel the way is straight. The gradient is finite everywhere.
    (Zero are ends whose lengths have a product of at most 1e-12.)

    Args:
        start: latents ``[count, latent]``.
        end: latents of the same shape.
        share: the part of the way, in [0, 1]; a number or a traced scalar.

    Returns:
        Latents of the same shape.

    Examples:
        >>> import jax.numpy as jnp
        >>> from jaxgan import sampling
        >>> way = sampling.slerp(jnp.array([[2.0, 0.0]]), jnp.array([[0.0, 2.0]]), 0.5)
        >>> round(float(jnp.linalg.norm(way)), 4)  # as long as the ends; it is 1.4142 on a straight line
        2.0

    References:
        White 2016, Sampling Generative Networks, https://arxiv.org/abs/1609.04468
    """
    straight = (1 - share) * start + share * end
    # The way from 0 and that between parallel ends is straight. There the arc gets other numbers, whose
    # gradients are finite: `where` would multiply NaN by 0.
    has_angle = jnp.linalg.norm(start, axis=-1) * jnp.linalg.norm(end, axis=-1) > SMALLEST_LENGTHS
    nonzero_start, nonzero_end = (jnp.where(has_angle[:, None], each, 1.0) for each in (start, end))
    lengths = jnp.linalg.norm(nonzero_start, axis=-1) * jnp.linalg.norm(nonzero_end, axis=-1)
    cosine = jnp.clip(jnp.where(has_angle, (start * end).sum(-1) / lengths, 1.0), -1, 1)
    has_arc = has_angle & (jnp.sin(jnp.arccos(cosine)) >= 1e-3)
    angle = jnp.arccos(jnp.where(has_arc, cosine, 0.0))[:, None]
    along = (jnp.sin((1 - share) * angle) * start + jnp.sin(share * angle) * end) / jnp.sin(angle)
    return jnp.where(has_arc[:, None], along, straight)
