"""StyleGAN2 against an implementation in PyTorch (tests/golden/make_stylegan2.py): values and gradients."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks import stylegan2
from jaxgan.state import named_leaves, with_leaves
from stylegan2_cases import BATCH, DISCRIMINATORS, GENERATORS, LABELS, LATENT, draw, normal

GOLDEN = np.load(Path(__file__).parents[2] / "golden/stylegan2.npz")


def drawn(module, *inputs):
    """Return the module's variables, each drawn by its path within its collection."""
    like = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs, train=False))
    leaves = {
        name: jnp.asarray(draw(name.split("/", 1)[1], leaf.shape))
        for name, leaf in named_leaves(like).items()
    }
    return with_leaves(like, leaves)


def fixed(name, *shape):
    return jnp.asarray(normal(name, shape), jnp.float32)


def assert_golden(values, prefix):
    for name, value in values.items():
        want = GOLDEN[f"{prefix}/{name}"]
        assert np.std(want) > 1e-2  # else agreement would mean little
        # A deviation of nearly equal features bends sharply: in float64 the second gradient agrees to 1e-13.
        share = 5e-3 if name == "second_gradient" else 1e-5
        np.testing.assert_allclose(value, want, rtol=1e-5, atol=share * np.abs(want).max(), err_msg=name)


@pytest.mark.parametrize("name", GENERATORS)
def test_images_and_their_gradients_by_z_and_by_w(name):
    module = stylegan2.Generator(**GENERATORS[name])
    labels = None if module.num_classes is None else jnp.asarray(LABELS)
    latents = fixed("latents", BATCH, LATENT)
    variables = drawn(module, latents, labels)

    def map_(latents):
        options = {"train": False, "truncation": 0.7, "truncation_cutoff": 3, "method": "map"}
        return module.apply(variables, latents, labels, **options)

    def synthesize(ws):
        return module.apply(variables, ws, train=False, method="synthesize")

    @jax.jit
    def values(latents):
        ws, to_latents = jax.vjp(map_, latents)
        images, to_ws = jax.vjp(synthesize, ws)
        (ws_gradient,) = to_ws(fixed("direction", *images.shape))
        (gradient,) = to_latents(ws_gradient)
        return {"images": images, "ws": ws, "ws_gradient": ws_gradient, "latents_gradient": gradient}

    assert_golden(values(latents), f"generator/{name}")


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_logits_and_their_gradients_of_two_orders(name):
    case = dict(DISCRIMINATORS[name])
    images = fixed("images", BATCH, *case.pop("image_shape"))
    module = stylegan2.Discriminator(**case)
    labels = None if module.num_classes is None else jnp.asarray(LABELS)
    variables = drawn(module, images, labels)

    def judge(images):
        return module.apply(variables, images, labels, train=True)

    def gradient(images):
        return jax.grad(lambda images: 100 * judge(images) @ fixed("direction", BATCH))(images)

    @jax.jit
    def values(images):
        second = jax.grad(lambda images: jnp.square(gradient(images)).sum())(images)
        return {"logits": judge(images), "gradient": gradient(images), "second_gradient": second}

    assert_golden(values(images), f"discriminator/{name}")
