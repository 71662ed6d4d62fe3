"""Every network family with small networks, exported as a run exports it; a new family is among them by itself."""

import jax
import jax.numpy as jnp

from drawn_weights import drawing_of
from jaxgan import export
from jaxgan.config import Config
from jaxgan.names import FAMILIES

SHAPE, LATENT = (16, 16, 3), 12


def write(folder, name, num_classes):
    """Write generator, discriminator and encoder of a family, with random weights, to a folder."""
    hidden = (8, 8) if name == "mlp" else None
    width = 8 if name == "r3gan" else 2
    config = Config(network=name, width=width, hidden=hidden, latent_dim=LATENT, batch_size=4)
    family = FAMILIES[name]
    generator, discriminator = family.make(config, SHAPE, num_classes)
    latents, images, labels = inputs(num_classes)
    common = {"image_shape": SHAPE, "latent_dim": LATENT, "num_classes": num_classes, "step": 7}
    draw = drawing_of(name)
    export.save_generator(folder, generator, draw(generator, latents, labels), **common)
    export.save_discriminator(
        folder, discriminator, draw(discriminator, images, labels), heads=(), pairs=False, **common
    )
    if family.encoder is not None:
        encoder = family.encoder(config, LATENT, num_classes)
        export.save_encoder(folder, encoder, draw(encoder, images, labels), **common)
    return folder


def inputs(num_classes, count=3):
    """Return latents, images and labels of a few examples."""
    latents = jax.random.normal(jax.random.key(1), (count, LATENT))
    images = jax.random.uniform(jax.random.key(2), (count, *SHAPE), minval=-1.0)
    return latents, images, None if num_classes is None else jnp.arange(count, dtype=jnp.int32) % num_classes


def wanted(folder, role, classes):
    """Return a role's inputs, and what `load_generator` and its like make of them.

    A StyleGAN2's discriminator compares the images of a batch, so each image is judged alone.
    """
    latents, images, labels = inputs(classes)
    given = latents if role == "generator" else images
    function = getattr(export, f"load_{role}")(folder)
    rows = [
        function(given[i : i + 1], None if labels is None else labels[i : i + 1]) for i in range(len(given))
    ]
    return (given,) if labels is None else (given, labels), jnp.concatenate(rows)


def roles(name):
    return ("generator", "discriminator", *(["encoder"] if FAMILIES[name].encoder else []))
