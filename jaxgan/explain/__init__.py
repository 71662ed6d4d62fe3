"""Why the discriminator says what it says of an image, and what happens inside the generator.

An explanation says what was asked (what does each region add to the verdict?), against what (the reference,
which stands where a region is left out) and how sure it is (standard errors, and numbers that a wrong
explanation would fail at).

    critic = load_discriminator("runs/mnist_dcgan")
    regions = explain.grid(image.shape, 7, 7)
    found = explain.shapley(critic, image, reference, regions, key=jax.random.key(0))
    explain.fidelity(critic, image, reference, regions, found.values, key=jax.random.key(1))

`explain.explain` is the command `jaxgan explain`, which does all of it for a run.
"""

from jaxgan.explain.coalitions import Attribution
from jaxgan.explain.command import Explanation, explain, table
from jaxgan.explain.faithful import deletion_gap, fidelity, randomised, sensitivity
from jaxgan.explain.gradients import expected_gradients, integrated_gradients
from jaxgan.explain.lime import lime
from jaxgan.explain.regions import grid
from jaxgan.explain.shapley import shapley

__all__ = [
    "Attribution",
    "Explanation",
    "deletion_gap",
    "expected_gradients",
    "explain",
    "fidelity",
    "grid",
    "integrated_gradients",
    "lime",
    "randomised",
    "sensitivity",
    "shapley",
    "table",
]
