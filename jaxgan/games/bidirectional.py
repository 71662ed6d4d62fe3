"""BiGAN: a generator and an encoder are one player, and the discriminator judges pairs of image and latent.

It is shown ``(x, E(x))`` as real and ``(G(z), z)`` as fake. At the game's optimum the encoder is the inverse
of the generator, although the two never meet in a reconstruction loss. So the encoder's latents of real
images are features that were learned without labels.

References:
    Donahue et al. 2017, Adversarial Feature Learning, https://arxiv.org/abs/1605.09782
    Dumoulin et al. 2017, Adversarially Learned Inference, https://arxiv.org/abs/1606.00704
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jaxgan.games.base import Game
from jaxgan.games.modules import part_of
from jaxgan.games.turn import Play, Shown, Turn, View
from jaxgan.images import to_float
from jaxgan.state import GANState, Variables


@dataclasses.dataclass(frozen=True, eq=False)
class BiGame(Game):
    """BiGAN, with any encoder.

    The generator's module makes images in its ``__call__`` and latents in its method ``encode``:
    `jaxgan.networks.encoders.Bidirectional` puts the two together. The discriminator takes the pair
    ``(images, latents)`` in the place of images. A penalty's gradient is by both.

    The player minimizes the discriminator's loss with the roles of real and fake exchanged, so both of its
    networks move: the generator through its fakes, the encoder through the latents of real images.

    Raises:
        ValueError: if the generator's module has no method ``encode``.

    References:
        Donahue et al. 2017, the BiGAN objective; the exchanged roles are those of the authors' code.
    """

    PAIRS: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not callable(getattr(self.generator, "encode", None)):
            raise ValueError(
                f"BiGAN needs a module with a method `encode`, and {type(self.generator).__name__} has none: "
                "make it by encoders.Bidirectional(generator, encoder)"
            )

    def play(self, variables: Variables, turn: Turn, key: jax.Array, latent_dim: int):
        """Make fakes of latents, and latents of the real images."""
        make_key, encode_key = jax.random.split(key)
        latents = self.inputs(turn, latent_dim)
        fake, variables = self.make(variables, latents, turn, make_key)
        codes, variables = self.act(
            self.generator, variables, turn.real, turn.labels, encode_key, method="encode"
        )
        if getattr(codes, "shape", None) != latents.shape:
            raise ValueError(
                f"the encoder returns latents {latents.shape}, got {getattr(codes, 'shape', type(codes))}"
            )
        return Play((turn.real, codes), (fake, latents), latents), variables

    def see(self, view: View, shown: Shown) -> Shown:
        """Return the pair with its image augmented; latents stay as they are."""
        images, latents = shown
        return view(images), latents

    def adversary(self, real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        """Return the discriminator's loss with the roles exchanged, which is right for every loss pair."""
        return self.loss.discriminator(fake_logits, real_logits)

    def shown(
        self, variables: Variables, images: jax.Array, inputs: Any, labels: jax.Array | None = None
    ) -> tuple[Shown, Shown]:
        """Return the pairs that a discriminator is shown, in drawing mode."""
        return (images, self.encode(variables, images, labels)), (
            self.draw(variables, inputs, labels),
            inputs,
        )

    def encode(self, variables: Variables, images: jax.Array, labels: jax.Array | None = None) -> Any:
        """Return the latents of images, ``[B, Z]``, in drawing mode."""
        return self.generator.apply(variables, images, labels, train=False, method="encode")

    def grid(
        self, images: Any, labels: Any, columns: int, inputs: Any = None
    ) -> Callable[[Variables, Any], Any]:
        """Return a function that puts reals and their reconstructions into the upper half of a grid.

        A row of real images is followed by the row of what the generator makes of their latents.
        """
        pairs = max(1, len(images) // columns // 4)  # of rows
        reals = images[: pairs * columns]
        given = None if labels is None else labels[: len(reals)]
        draw = jax.jit(partial(self._grid, columns=columns))
        return lambda variables, samples: draw(variables, samples, reals, given)

    def _grid(self, variables: Variables, samples: Any, images: Any, labels: Any, *, columns: int) -> Any:
        images = to_float(images)
        made = self.draw(variables, self.encode(variables, images, labels), labels)
        shape = -1, columns, *images.shape[1:]
        rows = jnp.stack([images.reshape(shape), made.reshape(shape)], axis=1)
        return jnp.concatenate([rows.reshape(-1, *images.shape[1:]), samples[2 * len(images) :]])

    def generator_of(self, generator: Any, variables: Variables) -> tuple[Any, Variables]:
        """Return the network that makes the images, cut out of the player by its name."""
        return part_of(generator, variables, "generator") or (generator, variables)

    def encoder_of(self, generator: Any, variables: Variables) -> tuple[Any, Variables] | None:
        """Return the network that makes the latents, cut out of the player by its name."""
        return part_of(generator, variables, "encoder")

    def read(
        self, state: GANState, images: jax.Array, labels: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Return the average encoder's latents of images, ``"latents"``."""
        return {"latents": self.encode(state.ema, images, labels)}
