"""The perceptual term: how far the features of a made image are from those of the image that it should be.

The mean absolute error of pixels asks each pixel for its most likely value, which blurs. Features of a
classifier change little where details move, and much where they are missing.

References:
    Johnson et al. 2016, Perceptual Losses for Real-Time Style Transfer, https://arxiv.org/abs/1603.08155
    Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network,
    https://arxiv.org/abs/1609.04802
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxgan.games.paired import PairedGame
from jaxgan.games.terms.term import Added, Context, Memory, Term, at_least


@dataclasses.dataclass(frozen=True)
class Perceptual(Term):
    """The mean absolute error of features, for the generator of a paired game.

    The network of the features does not learn. Its variables lie in the state, as the term's memory: so a
    compiled step takes them as an argument, and a checkpoint holds them.

    Attributes:
        features: ``(variables, images) -> features [B, ...]``, or a tuple of several; images are float in
            [-1, 1].
        variables: the variables of `features`, nested dictionaries of arrays.
        weight: weight of the term, >= 0.

    Raises:
        ValueError: if the weight is negative; with `check`, if the game has no pairs.
    """

    features: Callable[[Any, jax.Array], Any]
    variables: Mapping[str, Any] = dataclasses.field(compare=False)
    weight: Any = 1.0

    NAME: ClassVar[str] = "perceptual"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({"reconstruction": ("perceptual",)})

    def __post_init__(self) -> None:
        at_least("weight", self.weight, 0)

    def check(self, game: Any) -> None:
        """Raise `ValueError` if the game has no image that a made one should be."""
        if not isinstance(game, PairedGame):
            raise ValueError(
                "the perceptual term compares an image with the one that it should be, and "
                f"{type(game).__name__} has no pairs: it goes with PairedGame"
            )

    def start(self) -> Memory:
        """Return a copy of the variables by their paths."""
        return {path: jnp.array(value) for path, value in flatten_dict(dict(self.variables), sep="/").items()}

    def generator(self, context: Context) -> Added:
        """Return the error of each example, the mean over its features and over all arrays of them."""
        variables = unflatten_dict(dict(context.memory), sep="/")
        made = jax.tree.leaves(context.play.fake)[0]  # a source may be shown beside it
        pairs = (jax.tree.leaves(self.features(variables, images)) for images in (made, context.turn.real))
        errors = [jnp.abs(x - y).reshape(len(made), -1).mean(axis=1) for x, y in zip(*pairs, strict=True)]
        return Added({"perceptual": self.weight * sum(errors) / len(errors)})
