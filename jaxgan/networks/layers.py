"""What the network families share and linen lacks.

linen has a `SpectralNorm` too, but that one stores the *divided* kernels at initialisation, so that kernels
asked for with deviation 0.02 begin with about 0.2 (and take their learning rate relative to that), and a
kernel that is zero once is never normalised again. Ours does neither.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.networks.normalisation import BatchNorm

_SMALLEST_NORM = 1e-12  # below this a vector or a kernel counts as zero


def encode_labels(
    labels: Int[Array, " batch"] | None, num_classes: int | None, dtype: Any = jnp.float32
) -> Float[Array, "batch classes"] | None:
    """One-hot labels, or None for an unconditional network.

    Args:
        labels: class indices in [0, num_classes), or None.
        num_classes: how many classes the network was made for; None for an unconditional one.
        dtype: of the rows: that of what they meet, or they would make it float32.

    Returns:
        One-hot rows, or None when both arguments are None.

    Raises:
        ValueError: if labels are given to an unconditional network (they would be dropped in silence), are
            missing for a conditional one, or are no integers ``[B]``.
    """
    if num_classes is None:
        if labels is not None:
            raise ValueError("an unconditional network was given labels: make it with num_classes=...")
        return None
    if labels is None:
        raise ValueError(f"a network made for {num_classes} classes needs labels")
    if labels.ndim != 1 or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"labels are integers [B], got {labels.dtype}{list(labels.shape)}")
    return jax.nn.one_hot(labels, num_classes, dtype=dtype)


class SpectralNorm(nn.Module):
    """A layer whose kernel is divided by its largest singular value.

        SpectralNorm(nn.Conv(64, (4, 4)))(images, train=train)

    The matrix is the kernel with one column per output feature: ``[height * width * inputs, outputs]`` for
    Conv and for ConvTranspose (with linen's default kernel layout). Biases are left alone. One power
    iteration per call follows the kernel as it moves, from the vector that the last call in training left;
    the gradient goes through the singular value and not through the iteration. A fresh kernel's value may be
    a quarter too small at first and is right after tens of calls. A kernel of zeros stays zero.

    The singular value of that matrix is not the norm of the convolution, which also counts how often patches
    overlap: a kernel of 4x4 at stride 2 may stretch images by 2 = ceil(4 / 2), one of 3x3 at stride 1 by 3.

    The collection ``batch_stats`` holds for each kernel the vector ``u`` (one entry per output) and the value
    ``sigma`` that was last found in training. They depend on the weights alone, so that devices agree.

    Attributes:
        layer: Dense, Conv, ConvTranspose, Embed or any module that takes one array; each parameter of two or
            more axes is divided by its own value.

    References:
        Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957, eq. 8
        and algorithm 1; eq. 12 (the gradient); section 4 (the matrix of a convolution).
    """

    layer: nn.Module

    @nn.compact
    def __call__(self, inputs: jax.Array, *, train: bool) -> jax.Array:
        """Return the layer's output; with `train`, keep the vector of this call's power iteration."""
        if self.is_initializing():
            self.layer(inputs)  # makes the parameters, which are not to be stored divided
        divide = partial(jax.tree_util.tree_map_with_path, partial(self._divide, train=train))
        return nn.map_variables(lambda layer: layer(inputs), "params", divide)(self.layer)

    def _divide(self, path, kernel: jax.Array, *, train: bool) -> jax.Array:
        if kernel.ndim < 2:
            return kernel
        matrix = kernel.reshape(-1, kernel.shape[-1])
        name = "/".join([str(self.layer.name), *(entry.key for entry in path[1:])])
        u = self.variable("batch_stats", f"{name}/u", self._start, matrix)
        stored_sigma = self.variable("batch_stats", f"{name}/sigma", jnp.ones, (), matrix.dtype)
        fixed = jax.lax.stop_gradient(matrix)
        left = _unit(fixed @ u.value)
        right = _unit(left @ fixed)
        sigma = left @ matrix @ right
        is_zero = sigma < _SMALLEST_NORM
        if train:
            u.value = jnp.where(is_zero, u.value, right)  # from zero, no iteration would come back
            stored_sigma.value = jax.lax.stop_gradient(sigma)
        return (kernel / jnp.where(is_zero, 1.0, sigma)).astype(kernel.dtype)

    def _start(self, matrix: jax.Array) -> jax.Array:
        return jax.random.normal(self.make_rng("params"), matrix.shape[1:], matrix.dtype)


def _unit(vector: jax.Array) -> jax.Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), _SMALLEST_NORM)


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation whose scale and bias are a table with one row per class.

    The statistics are of the whole batch, whatever its labels; all classes begin with scale 1 and bias 0.

    Attributes:
        num_classes: rows of the two tables.
        momentum: decay of the running averages, in [0, 1].
        epsilon: added to the variance, > 0.
        axis_name: mapped axis over which batch statistics are averaged.

    References:
        De Vries et al. 2017, Modulating early visual processing by language,
        https://arxiv.org/abs/1707.00683, section 3.
        Dumoulin et al. 2017, A Learned Representation For Artistic Style, https://arxiv.org/abs/1610.07629,
        eq. 5.
        Miyato and Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637,
        section 5: in the generator of a GAN.
    """

    num_classes: int
    momentum: float = 0.99
    epsilon: float = 1e-5
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self,
        features: Float[Array, "batch *space feature"],
        labels: Int[Array, " batch"],
        *,
        train: bool,
    ) -> Float[Array, "batch *space feature"]:
        """Normalise the features, then scale and shift each example as its class does.

        Args:
            features: ``[B, ..., C]``.
            labels: class indices in [0, num_classes); one outside gives NaN.
            train: normalise by the batch and update the running averages, instead of by these.

        Returns:
            Features of the same shape.
        """
        normalised = BatchNorm(
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=self.epsilon,
            use_scale=False,
            use_bias=False,
            axis_name=self.axis_name,
        )(features)

        def row(name: str, init: nn.initializers.Initializer) -> jax.Array:
            rows = nn.Embed(self.num_classes, features.shape[-1], embedding_init=init, name=name)(labels)
            return jnp.expand_dims(rows, tuple(range(1, features.ndim - 1)))

        return row("scale", nn.initializers.ones) * normalised + row("bias", nn.initializers.zeros)


class MinibatchStddev(nn.Module):
    """One more feature, which tells how much the examples of a group differ.

    A discriminator with this layer sees when the fakes are all alike. It belongs near its end. Within a group
    the standard deviation of every feature at every place is averaged to a single number, which all examples
    of the group get at all places.

    Groups are consecutive examples, so that a shard of the batch holds whole groups and many devices give the
    numbers of one. The logits of a group then depend on all of its images: what a gradient penalty calls the
    gradient of an example is that of the *sum* of its group's logits with respect to this example.

    Attributes:
        group_size: examples in a group, >= 1; a divisor of the batch on each device.

    References:
        Karras et al. 2018, Progressive Growing of GANs, https://arxiv.org/abs/1710.10196, section 3.
    """

    group_size: int = 4

    @nn.compact
    def __call__(self, features: Float[Array, "batch *space feature"]) -> Float[Array, "batch *space more"]:
        """Append the group's mean standard deviation as one more feature.

        Args:
            features: ``[B, ..., C]``. Only at initialisation may B be any number (it is then one group): with
                smaller groups on a small batch, a shard would not see what one device does.

        Returns:
            ``[B, ..., C + 1]``.

        Raises:
            ValueError: at trace time, if the batch does not divide into groups.
        """
        batch = features.shape[0]
        group = batch if self.is_initializing() else self.group_size
        if group < 1 or batch % group:
            raise ValueError(f"a batch of {batch} does not divide into groups of {group}")
        groups = features.reshape(-1, group, *features.shape[1:])
        # The 1e-8 keeps the gradient finite where a group is all alike.
        deviation = jnp.sqrt(groups.var(axis=1) + 1e-8).mean(axis=tuple(range(1, features.ndim)))
        channel = jnp.repeat(deviation, group).reshape(batch, *[1] * (features.ndim - 1))
        return jnp.concatenate([features, jnp.broadcast_to(channel, (*features.shape[:-1], 1))], axis=-1)
