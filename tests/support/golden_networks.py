"""Inputs of the networks of tests/golden/make_*.py that are drawn by name, and the comparison of ours with them."""

from pathlib import Path

import numpy as np

from drawn_weights import drawn

LABELS = [0, 2, 1, 2]


def inputs_of(name, images=(16, 8, 3)):
    """Return the latents or images that a network is given."""
    shape = (4, 5) if "generator" in name else (4, *images)
    return np.random.default_rng(len(name)).standard_normal(shape, np.float32)


def weights_of_outputs(shape):
    """Return the numbers that outputs are multiplied with before the gradient is taken."""
    return np.random.default_rng(len(shape)).standard_normal(shape)


def assert_golden(name, module, file="networks.npz", *, images=(16, 8, 3), modes=("train", "draw")):
    """Compare outputs and gradients by the inputs with the stored ones, in training and in drawing mode."""
    import jax
    import jax.numpy as jnp

    inputs = jnp.asarray(inputs_of(name, images))
    labels = None if module.num_classes is None else jnp.array(LABELS)
    variables = drawn(module, inputs, labels)

    def weighted(inputs, train):
        outputs, _ = module.apply(variables, inputs, labels, train=train, mutable=["batch_stats"])
        return jnp.sum(outputs * weights_of_outputs(outputs.shape).astype(np.float32)), outputs

    def both(inputs):
        return [jax.value_and_grad(weighted, has_aux=True)(inputs, mode == "train") for mode in modes]

    with np.load(Path(__file__).parents[1] / "golden" / file) as golden:
        for mode, ((_, outputs), gradient) in zip(modes, jax.jit(both)(inputs), strict=True):
            for what, ours in (("outputs", outputs), ("gradient", gradient)):
                theirs = golden[f"{name}/{mode}/{what}"]
                scale = max(1.0, np.abs(theirs).max())
                np.testing.assert_allclose(ours, theirs, atol=1e-5 * scale, err_msg=f"{name}, {mode}, {what}")
