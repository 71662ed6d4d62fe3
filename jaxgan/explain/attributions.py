"""The methods of ``jaxgan explain`` by name, and a program that explains an image and checks that."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.explain.coalitions import Attribution, Critic
from jaxgan.explain.critic import critic_of
from jaxgan.explain.examples import Examples
from jaxgan.explain.faithful import both
from jaxgan.explain.gradients import expected_gradients, integrated_gradients
from jaxgan.explain.lime import lime
from jaxgan.explain.shapley import shapley
from jaxgan.export import Network
from jaxgan.state import Variables
from jaxgan.system.random import seed_key

Explain = Callable[..., Attribution]


def _shapley(critic: Critic, image: Any, references: Any, regions: Any, key: Any, share: int) -> Attribution:
    return shapley(critic, image, references, regions, key=key, permutations=64 // share)


def _lime(critic: Critic, image: Any, references: Any, regions: Any, key: Any, share: int) -> Attribution:
    return lime(critic, image, references, regions, key=key, samples=1000 // share)


def _integrated(
    critic: Critic, image: Any, references: Any, regions: Any, key: Any, share: int
) -> Attribution:
    return integrated_gradients(critic, image, references, regions=regions, steps=128 // share)


def _expected(critic: Critic, image: Any, references: Any, regions: Any, key: Any, share: int) -> Attribution:
    return expected_gradients(critic, image, references, key=key, regions=regions, samples=200 // share)


# (critic, image, references, regions, key, share) -> Attribution, by one part in `share` of the usual draws.
METHODS: dict[str, Explain] = {
    "shapley": _shapley,
    "lime": _lime,
    "integrated": _integrated,
    "expected": _expected,
}


class Explained(NamedTuple):
    """Explanations of images and how true they are; each has a first axis over the images.

    Attributes:
        attribution: the explanation.
        fidelity: how well the values predict the critic on random coalitions, and how well the same values in
            a random order do, ``[N, 2]``.
        gap: the deletion gap of the values, and of the same values in a random order, ``[N, 2]``.
    """

    attribution: Attribution
    fidelity: Any
    gap: Any


def explaining(
    judge: Network, regions: np.ndarray, method: str, *, share: int = 1, checked: bool = True
) -> Callable[[Variables, Examples, np.ndarray, int], Any]:
    """Return a function that explains a discriminator's verdicts; it compiles one program for all images.

    Args:
        judge: the discriminator.
        regions: integers ``[H, W]``.
        method: one of `METHODS`.
        share: the method plays so many times less than usual.
        checked: whether the explanations are checked.

    Returns:
        ``(variables, examples, references [N, R, H, W, C], seed) -> Explained``, and without `checked` the
        `Attribution` alone, as NumPy has them.
    """

    @jax.jit
    def explain(variables: Any, image: Any, label: Any, beside: Any, references: Any, key: Any) -> Any:
        critic = critic_of(judge, variables, label, beside)
        draw_key, order_key, check_key = jax.random.split(key, 3)
        found = METHODS[method](critic, image, references, regions, draw_key, share)
        if not checked:
            return found
        orders = jnp.stack([found.values, jax.random.permutation(order_key, found.values)])
        return Explained(found, *both(critic, image, references, regions, orders, key=check_key))

    def explain_all(variables, examples, references, seed):
        found = []
        for i in range(len(examples.images)):
            key = jax.random.fold_in(seed_key(seed), i)
            image, label, beside, _ = examples.rows(i)
            found.append(explain(variables, image, label, beside, references[i], key))
        return jax.tree.map(lambda *values: np.stack([np.asarray(value) for value in values]), *found)

    return explain_all
