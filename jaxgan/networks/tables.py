"""The networks of tables: a generator of rows with residual blocks, and a discriminator of packs of rows.

| generator | discriminator |
|---|---|
| noise and condition | a pack of rows, each with its condition |
| by width: dense, batch norm, ReLU, beside the block's input | by width: dense, leaky ReLU 0.2, dropout |
| dense: places by tanh, blocks by a softmax with Gumbel noise | dense: one logit |

The Gumbel noise is a part of the generator's input, so the generator draws no random numbers. In drawing mode
too a block's largest value is then a draw from the block's distribution.

References:
    Xu et al. 2019, Modeling Tabular Data using Conditional GAN, https://arxiv.org/abs/1907.00503, section 4.4
    Jang et al. 2017, Categorical Reparameterization with Gumbel-Softmax, https://arxiv.org/abs/1611.01144
    Lin et al. 2018, PacGAN: The Power of Two Samples in Generative Adversarial Networks,
    https://arxiv.org/abs/1712.04086
"""

import itertools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers import BatchNorm, Dense


class Generator(nn.Module):
    """Map noise and conditions to rows.

    Attributes:
        places: number of a row's first values, each in (-1, 1).
        blocks: sizes of the one-hot blocks behind them.
        noise: length of the noise; the input holds it, a Gumbel number for each value of the blocks, and the
            condition.
        hidden: widths of the residual blocks.
        temperature: tau of the Gumbel-softmax, > 0.
        norm: whether blocks have batch normalization.
        axis_name: mapped axis over which batch statistics are averaged.
    """

    places: int
    blocks: tuple[int, ...]
    noise: int
    hidden: tuple[int, ...] = (256, 256)
    temperature: float = 0.2
    norm: bool = True
    axis_name: str | None = None

    def __call__(self, inputs: Float[Array, "batch input"], labels: None = None, *, train: bool):
        """Return rows ``[B, places + sum(blocks)]``; `labels` must be None."""
        return self.activate(self.logits(inputs, labels, train=train), inputs)

    @nn.compact
    def logits(self, inputs: Float[Array, "batch input"], labels: None = None, *, train: bool):
        """Return rows before their last functions."""
        features = jnp.concatenate([inputs[:, : self.noise], inputs[:, self.noise + sum(self.blocks) :]], 1)
        for width in self.hidden:
            block = Dense(width)(features)
            if self.norm:
                block = BatchNorm(use_running_average=not train, momentum=0.9, axis_name=self.axis_name)(
                    block
                )
            features = jnp.concatenate([nn.relu(block), features], axis=1)
        return Dense(self.places + sum(self.blocks))(features)

    def activate(self, logits: Float[Array, "batch row"], inputs: Float[Array, "batch input"]):
        """Return rows of what `logits` returned, by the Gumbel numbers of the same inputs."""
        gumbel = inputs[:, self.noise : self.noise + sum(self.blocks)].astype(logits.dtype)
        scores = (logits[:, self.places :] + gumbel) / self.temperature
        places = jnp.tanh(logits[:, : self.places])
        return jnp.concatenate([places, _by_block(nn.softmax, scores, self.blocks)], axis=1)

    def log_chances(self, logits: Float[Array, "batch row"]):
        """Return the logarithms of the chances of all blocks' values, of what `logits` returned."""
        return _by_block(nn.log_softmax, logits[:, self.places :], self.blocks)


def _by_block(function: Any, values: jax.Array, blocks: tuple[int, ...]) -> jax.Array:
    """Return a function of each block's values; neighbors of one size are computed at once."""
    parts, first = [values[:, :0]], 0
    for size, equal in itertools.groupby(blocks):
        last = first + size * len(list(equal))
        block = values[:, first:last].reshape(len(values), -1, size)
        parts.append(function(block).reshape(len(values), -1))
        first = last
    return jnp.concatenate(parts, axis=1)


class Discriminator(nn.Module):
    """Map packs of rows to logits.

    Attributes:
        hidden: widths of the hidden layers.
        dropout: share of features that are dropped in training, in [0, 1).
    """

    hidden: tuple[int, ...] = (256, 256)
    dropout: float = 0.5

    @nn.compact
    def __call__(self, packs: Float[Array, "batch pack"], labels: None = None, *, train: bool):
        """Return one logit for each pack, ``[B]``; `labels` must be None."""
        features = packs
        for width in self.hidden:
            features = jax.nn.leaky_relu(Dense(width)(features), 0.2)
            if self.dropout:
                features = nn.Dropout(self.dropout, deterministic=not train)(features)
        return Dense(1)(features)[:, 0]
