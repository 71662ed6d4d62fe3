"""Weights and images that tests/golden/make_*.py drew too, in other environments: functions of a name, or a size."""

import zlib

import numpy as np


def draw(name, shape):
    noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, np.float32)
    if len(shape) > 1:
        return noise * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    if name.endswith("running_var"):
        return np.exp(noise / 4)
    return noise / 4 + np.float32(name.endswith("weight"))


def image(height, width):
    noise = np.random.default_rng(height * width).integers(0, 120, (1, height, width, 3))
    ramp = np.linspace(0, 135, width)[None, None, :, None] * (np.arange(height) % 4 > 0)[None, :, None, None]
    return (noise + ramp).astype(np.uint8)


def draw_leaf(name, shape):
    """Return the parameter, running average or power iteration's vector of jaxgan's with this name and shape."""
    noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, np.float32)
    kind = name.rpartition("/")[2]
    if len(shape) > 1:
        return noise * np.float32(np.sqrt(2 / np.prod(shape[:-1])))
    if kind == "var":
        return np.exp(noise / 4)
    if kind in ("u", "sigma"):
        return np.float32(noise) if kind == "u" else np.float32(1)
    return np.float32(noise / 4 + (kind == "scale"))


def drawn(module, *inputs):
    """Return variables of a linen module, each drawn by its name."""
    import jax
    import jax.numpy as jnp

    from jaxgan.state import named_leaves, with_leaves

    like = jax.eval_shape(lambda key: module.init(key, *inputs, train=False), jax.random.key(0))
    return with_leaves(
        like, {p: jnp.asarray(draw_leaf(p, leaf.shape)) for p, leaf in named_leaves(like).items()}
    )


def drawing_of(family):
    """Return what makes variables of a family's modules; a StyleGAN2's mapping needs larger weights than `drawn`'s."""
    return begun if family == "stylegan2" else drawn


def begun(module, *inputs):
    """Return the first variables of a linen module with noise added, since some kernels begin with zeros."""
    import jax

    variables = jax.jit(lambda key: module.init(key, *inputs, train=False))(jax.random.key(0))
    noise = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: leaf + np.float32(0.05) * noise.standard_normal(leaf.shape, np.float32), variables
    )
