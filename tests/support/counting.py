"""Shapes and numbers of parameters of networks, without computing anything."""

import math

import jax
import jax.numpy as jnp


def shapes(module, *inputs, train=False):
    """Return the shapes of a module's outputs and variables."""

    def init(key, *inputs):
        return module.init_with_output(key, *inputs, train=train)

    return jax.eval_shape(init, jax.random.key(0), *inputs)


def parameter_count(variables):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"]))


def pair_counts(generator, discriminator, latent_dim):
    """Return the numbers of parameters of both networks, after checking that the images fit."""
    labels = None if generator.num_classes is None else jnp.zeros(2, jnp.int32)
    images, of_generator = shapes(generator, jnp.zeros((2, latent_dim)), labels)
    assert images.shape == (2, *generator.image_shape)
    logits, of_discriminator = shapes(discriminator, images, labels)
    assert logits.shape == (2,)
    return parameter_count(of_generator), parameter_count(of_discriminator)
