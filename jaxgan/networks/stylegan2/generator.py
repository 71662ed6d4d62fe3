"""StyleGAN2's generator: mapping, style mixing, truncation and synthesis."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers import example_keys
from jaxgan.networks.stylegan2.mapping import Mapping
from jaxgan.networks.stylegan2.synthesis import Synthesis, block_sizes


class Generator(nn.Module):
    """Map latents to images; ``map`` and ``synthesize`` are its two halves.

    In training, the module draws random numbers (`jaxgan.layers.example_keys`) and updates its moving average
    of w. Style mixing draws second latents that are standard normal.

    Attributes:
        image_shape: ``(height, width, channels)`` of one image.
        channel_base: a block of side r has ``channel_base // r`` channels.
        channel_max: largest number of channels.
        mapping_layers: number of layers of the mapping network, >= 1.
        w_dim: length of w.
        architecture: "skip" or "resnet".
        noise: whether each layer has noise.
        mixing: probability in [0, 1] that an image in training has two latents.
        num_classes: number of classes; None for an unconditional network.
        axis_name: mapped axis over which the batch is spread (`make_train_step` sets it).

    Raises:
        ValueError: if an attribute is none of these.
    """

    image_shape: tuple[int, ...]
    channel_base: int = 16384
    channel_max: int = 512
    mapping_layers: int = 8
    w_dim: int = 512
    architecture: str = "skip"
    noise: bool = True
    mixing: float = 0.9
    num_classes: int | None = None
    axis_name: str | None = None

    def __post_init__(self) -> None:
        if len(self.image_shape) != 3 or min(self.image_shape) < 1:
            raise ValueError(
                f"a StyleGAN2 makes images of shape (height, width, channels), got {self.image_shape}"
            )
        if self.architecture not in ("skip", "resnet"):
            raise ValueError(f"a generator's architecture is 'skip' or 'resnet', got {self.architecture!r}")
        sizes = (self.channel_base, self.channel_max, self.mapping_layers, self.w_dim)
        if min(sizes) < 1:
            raise ValueError(
                "`channel_base`, `channel_max`, `mapping_layers` and `w_dim` are at least 1, got "
                f"{', '.join(map(str, sizes))}"
            )
        if not 0 <= self.mixing <= 1:
            raise ValueError(f"`mixing` is a probability in [0, 1], got {self.mixing}")
        super().__post_init__()

    @property
    def num_ws(self) -> int:
        """The number of layers that take a w of their own."""
        return 2 * len(self._sizes())

    def _sizes(self):
        height, width, _ = self.image_shape
        return block_sizes(height, width, channel_base=self.channel_base, channel_max=self.channel_max)

    def setup(self) -> None:
        """Make the two halves."""
        self.mapping = Mapping(self.w_dim, self.mapping_layers, self.num_classes, axis_name=self.axis_name)
        self.synthesis = Synthesis(
            self._sizes(), self.image_shape[2], self.architecture, self.noise, self.axis_name
        )

    def __call__(
        self,
        latents: Float[Array, "batch latent"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        truncation: Any = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Float[Array, "batch height width channel"]:
        """Return images, of which most values lie in [-1, 1]; see `map` for the arguments."""
        ws = self.map(
            latents, labels, train=train, truncation=truncation, truncation_cutoff=truncation_cutoff
        )
        return self.synthesize(ws, train=train)

    def map(
        self,
        latents: Float[Array, "batch latent"],
        labels: Int[Array, " batch"] | None = None,
        *,
        train: bool,
        truncation: Any = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Float[Array, "batch layer w"]:
        """Return intermediate latents, one for each layer.

        Args:
            latents: ``[B, Z]``.
            labels: class indices, int32 ``[B]``, for a conditional network.
            train: whether to mix styles and to update the moving average of w.
            truncation: psi in [0, 1], outside of training: w becomes ``w_average + psi (w - w_average)``. At
                0 all images are alike, at 1 nothing changes.
            truncation_cutoff: number of layers, from the first on, whose w is truncated; None for all.

        Returns:
            ``[B, num_ws, w_dim]``.

        Raises:
            ValueError: if `truncation` is given in training.

        References:
            Karras et al. 2019, section 3.1 (style mixing) and appendix B (truncation).
        """
        whole = isinstance(truncation, int | float) and truncation == 1
        if train and not whole:
            raise ValueError("truncation is for drawing: it takes train=False")
        w = self.mapping(latents, labels, train=train)
        ws = jnp.repeat(w[:, None], self.num_ws, axis=1)
        if train and self.mixing > 0:
            ws = self._mixed(ws, latents, labels)
        if whole:
            return ws
        average = self.mapping.average.astype(ws.dtype)[None, None]
        truncated = average + jnp.asarray(truncation, ws.dtype) * (ws - average)
        if truncation_cutoff is None:
            return truncated
        return jnp.where(jnp.arange(self.num_ws)[None, :, None] < truncation_cutoff, truncated, ws)

    def _mixed(self, ws: jax.Array, latents: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Return latents of which some are those of a second z from a random layer on."""
        count, size = latents.shape

        def draw(key: jax.Array) -> tuple[jax.Array, jax.Array]:
            whether, layer, other = jax.random.split(key, 3)
            first = jax.random.randint(layer, (), 1, self.num_ws)
            mixes = jax.random.bernoulli(whether, self.mixing)
            return jnp.where(mixes, first, self.num_ws), jax.random.normal(other, (size,), jnp.float32)

        first, others = jax.vmap(draw)(example_keys(self, count, self.axis_name))
        # The moving average follows the first latents alone: it is not updated here.
        second = self.mapping(others.astype(latents.dtype), labels, train=False)
        return jnp.where(jnp.arange(self.num_ws)[None, :, None] < first[:, None, None], ws, second[:, None])

    def synthesize(
        self, ws: Float[Array, "batch layer w"], *, train: bool
    ) -> Float[Array, "batch height width channel"]:
        """Return the images of intermediate latents ``[B, num_ws, w_dim]``."""
        return self.synthesis(ws, train=train)
