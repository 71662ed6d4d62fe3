"""A penalty at every n-th step only."""

import jax
import jax.numpy as jnp

from jaxgan.penalties._checks import Penalty


def lazy(penalty: Penalty, *, every: int = 16, first: int = 0) -> Penalty:
    """Apply a penalty, times `every`, at each `every`-th step; in between it is zero and costs nothing.

    The optimizer sees the same gradient on average. With ``c = every / (every + 1)``, Karras 2020 uses Adam
    with the learning rate ``c * lr`` and the betas ``beta ** c``. The metrics of the steps in between show a
    penalty of 0.

    Args:
        penalty: the penalty to apply at the steps `first`, `first` + `every`, `first` + 2 `every`, ...
        every: interval in steps, >= 1.
        first: the first of these steps, >= 0 and less than `every`.

    Returns:
        A `Penalty`. All examples must share its `step`: with a `step` that is mapped by vmap, XLA would
        compute the penalty at every step.

    Raises:
        ValueError: if `every` is less than 1, or if `first` is negative or not less than `every`.

    References:
        Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN,
        https://arxiv.org/abs/1912.04958, section 3.1 and appendix B (lazy regularization).
    """
    if every < 1:
        raise ValueError(f"every is at least 1, got {every}")
    if not 0 <= first < every:
        raise ValueError(f"first is at least 0 and less than every ({every}), got {first}")

    def lazy_penalty(critic, real, fake, *, keys=None, step=0):
        def due():
            return every * penalty(critic, real, fake, keys=keys, step=step)

        # Made of the images, the zeros vary over the axes of a shard_map as the penalty does.
        images = jax.tree.leaves(real)[0]
        zeros = jnp.zeros_like(images.reshape(len(images), -1)[:, 0], dtype=jax.eval_shape(due).dtype)
        return jax.lax.cond(step % every == first, due, lambda: zeros)

    return lazy_penalty
