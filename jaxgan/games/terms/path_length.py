"""Path length regularization: equal steps in the latents w change the image by equal amounts."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.games.terms.term import Added, Context, Memory, Metrics, Term, at_least

_PASS = 2**31  # folded into the term's key for the generator's pass
_LEAST = 1e-16  # of a squared length: the square root has no derivative at 0


@dataclasses.dataclass(frozen=True)
class PathLength(Term):
    """StyleGAN2's regularization of the generator.

    For images G(w) and noise y it minimizes ``(|J^T y| - a)^2``, where J is the derivative of the image by
    w, and a is the running mean of the lengths ``|J^T y|`` over the steps before. A length is the root of the
    mean over layers of the squared norm. Latents and noise are fresh ones of every `every`-th step, for a
    share of the batch. In between, the term is zero and costs nothing.

    Attributes:
        weight: weight of the term, >= 0; it is multiplied by `every`.
        decay: share of a new mean length in the running mean, in [0, 1].
        every: interval in steps, >= 1.
        shrink: the batch's size over the number of examples that the term takes, >= 1. Each device, and each
            part of an accumulated batch, takes this share of its examples, rounded down.
        first: the first step with the term, >= 0 and less than `every`.

    Raises:
        ValueError: if a number is out of range; with `check`, if the generator has no styles.

    References:
        Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN,
        https://arxiv.org/abs/1912.04958, eq. 4. The default numbers are those of the authors' code (loss.py
        of stylegan2-ada-pytorch), which has the newest length in a already.
    """

    weight: Any = 2.0
    decay: Any = 0.01
    every: int = 4
    shrink: int = 2
    first: int = 0

    NAME: ClassVar[str] = "path_length"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({"path length": ("path_length",)})

    def __post_init__(self) -> None:
        at_least("weight", self.weight, 0)
        at_least("decay", self.decay, 0, 1)
        at_least("every", self.every, 1)
        at_least("first", self.first, 0, self.every - 1)
        at_least("shrink", self.shrink, 1)

    def check(self, game: Any) -> None:
        """Raise `ValueError` if the generator has no styles."""
        if not all(callable(getattr(game.generator, name, None)) for name in ("map", "synthesize")):
            raise ValueError(
                "path length regularization needs a generator with styles, such as stylegan2.Generator: "
                f"{type(game.generator).__name__} has no methods map and synthesize"
            )

    def start(self) -> Memory:
        """Return the running mean 0."""
        return {"mean": jnp.zeros(())}

    def generator(self, context: Context) -> Added:
        """Return the penalty in the steps `first`, `first` + `every`, ..., and the mean length."""

        def due() -> tuple[jax.Array, jax.Array]:
            found = self.lengths(context)
            penalty = self.every * self.weight * ((found - context.memory["mean"]) ** 2).mean()
            return jnp.asarray(penalty, jnp.float32), found.mean()

        zero = jnp.zeros((), jnp.float32)
        penalty, length = jax.lax.cond(context.step % self.every == self.first, due, lambda: (zero, zero))
        return Added({"path_length_penalty": penalty}, {"path_length": length})

    def remember(self, memory: Memory, metrics: Metrics, step: Any) -> Memory:
        """Return the running mean with a new length in it, if there is one."""
        mean = memory["mean"]
        new = mean + self.decay * (metrics["path_length"] - mean)
        return {"mean": jnp.where(step % self.every == self.first, new, mean)}

    def report(self, memory: Memory) -> Memory:
        """Return the running mean."""
        return {"path_length": memory["mean"]}

    def lengths(self, context: Context) -> jax.Array:
        """Return ``|J^T y|`` of each of the examples that the term takes."""
        turn, game = context.turn, dataclasses.replace(context.game, dtype=None)  # bfloat16 is too coarse
        count = max(1, len(turn.real) // self.shrink)
        latent_key, noise_key, pass_key = (jax.random.fold_in(context.key, i) for i in (0, 1, _PASS))
        batch = {name: values[:: self.shrink][:count] for name, values in turn.batch.items()}
        turn = turn._replace(batch=batch, latent_key=latent_key)
        pass_key = jax.random.fold_in(pass_key, turn.part[0])
        inputs = game.inputs(turn, context.latent_dim)
        ws, _ = game.act(game.generator, context.generator, inputs, turn.labels, pass_key, method="map")

        def along_noise(ws: jax.Array) -> jax.Array:
            images, _ = game.act(game.generator, context.generator, ws, None, pass_key, method=_synthesize)
            height, width = images.shape[1:3]
            draw = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:], images.dtype))
            noise = draw(game.example_keys(noise_key, turn)) / (height * width) ** 0.5
            return (images * noise).sum()

        squares = (jax.grad(along_noise)(ws) ** 2).sum(axis=2).mean(axis=1)
        return jnp.sqrt(jnp.maximum(squares, _LEAST))


def _synthesize(module: nn.Module, ws: jax.Array, labels: None, *, train: bool) -> jax.Array:
    half: Any = module
    return half.synthesize(ws, train=train)
