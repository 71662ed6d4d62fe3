"""The modules of a run without their parameters, for networks of the same kind that are trained otherwise."""

from typing import Any, NamedTuple

import flax.linen as nn

from jaxgan.config import config_of
from jaxgan.evaluate.subject import subject_at
from jaxgan.names import FAMILIES
from jaxgan.networks.encoders import Bidirectional, PairDiscriminator
from jaxgan.representation.reader import Reader
from jaxgan.system.errors import UserError


class Modules(NamedTuple):
    """The modules of a run.

    Attributes:
        generator: module ``(latents, labels, *, train) -> images``.
        discriminator: module ``(images, labels, *, train) -> logits``, whose activations are features; that
            of images in a judge of pairs.
        encoder: module ``(images, labels, *, train) -> latents``, of the generator's family where the game
            has none; None if the family has none.
    """

    generator: nn.Module
    discriminator: nn.Module
    encoder: nn.Module | None


def modules_of(reader: Reader) -> Modules:
    """Return the modules that the settings of a run name.

    Raises:
        UserError: if there are no settings beside the networks, or the networks are the user's own.
    """
    settings: dict[str, Any] = subject_at(reader.path, None).settings
    if not settings:
        raise UserError(f"{reader.path} has no settings of a run, which say how its networks are made")
    if own := [name for name in settings.get("own", ()) if name in ("generator", "discriminator")]:
        raise UserError(f"{reader.path} has a {own[0]} of its own, which only its program can make")
    config, classes = config_of(settings), reader.num_classes
    family = FAMILIES[config.network]
    generator, discriminator = config.game.networks(family, config, reader.image_shape, classes)
    if isinstance(discriminator, PairDiscriminator):
        discriminator = discriminator.of_images
    if isinstance(generator, Bidirectional):
        return Modules(generator.generator, discriminator, generator.encoder)
    encoder = None
    if family.encoder is not None:
        encoder = family.encoder(config, reader.description["latent_dim"], classes)
    return Modules(generator, discriminator, encoder)
