"""Training of one module: it finds the answer, and says when there is none."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import from_arrays
from jaxgan.images import to_float
from jaxgan.representation.fit import fit
from jaxgan.system.errors import UserError

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 255, (64, 2, 2, 1)).astype(np.uint8)


class Linear(nn.Module):
    """A linear function of the pixels."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return nn.Dense(1)(images.reshape(len(images), -1))[:, 0]


MODULE, WEIGHTS = Linear(), jnp.array([1.0, -2.0, 0.5, 0.0])


def loss(params, collections, images, labels):
    pixels = to_float(images)
    target = pixels.reshape(len(pixels), -1) @ WEIGHTS + 3
    return ((MODULE.apply({"params": params}, pixels, train=True) - target) ** 2).mean(), collections


OPTIONS = {"batch_size": 32, "learning_rate": 0.1, "seed": 0, "quiet": True}


def test_it_finds_the_function_that_minimizes_the_loss():
    variables, last = fit("line", loss, MODULE, from_arrays(IMAGES), steps=300, **OPTIONS)
    dense = variables["params"]["Dense_0"]
    np.testing.assert_allclose(dense["kernel"][:, 0], WEIGHTS, atol=0.01)
    np.testing.assert_allclose(dense["bias"], [3], atol=0.01)
    assert last < 1e-3


def test_a_loss_that_is_not_finite_is_one_sentence():
    with pytest.raises(UserError, match="the line's loss is not finite before step 3: lower its learning"):
        fit(
            "line",
            lambda *values: (loss(*values)[0] * jnp.nan, {}),
            MODULE,
            from_arrays(IMAGES),
            steps=3,
            **OPTIONS,
        )
