"""Export folders of networks with random weights, written without training."""

import jax
import jax.numpy as jnp

from jaxgan import export
from jaxgan.networks import mlp

SHAPE, LATENT = (8, 8, 1), 4
COMMON = {"image_shape": SHAPE, "latent_dim": LATENT, "step": 7}


def write(folder, *, discriminator=None, encoder=None, classes=None, **options):
    """Write an export folder of networks with random weights; return their variables."""
    labels = None if classes is None else jnp.zeros(1, jnp.int32)
    image, latent = jnp.zeros((1, *SHAPE)), jnp.zeros((1, LATENT))
    generator = mlp.Generator(SHAPE, (6,), num_classes=classes)
    found = {"generator": generator.init(jax.random.key(0), latent, labels, train=False)}
    names = options.pop("class_names", None)
    export.save_generator(
        folder, generator, found["generator"], num_classes=classes, class_names=names, **COMMON
    )
    if discriminator is not None:
        given = classes if getattr(discriminator, "num_classes", None) or options.get("pairs") else None
        shown = (image, latent) if options.get("pairs") else image
        key, taken = jax.random.key(1), None if given is None else labels
        found["discriminator"] = discriminator.init(key, shown, taken, train=False)
        export.save_discriminator(
            folder, discriminator, found["discriminator"], num_classes=given, **COMMON, **options
        )
    if encoder is not None:
        found["encoder"] = encoder.init(jax.random.key(2), image, labels, train=False)
        export.save_encoder(folder, encoder, found["encoder"], num_classes=classes, **COMMON)
    return found
