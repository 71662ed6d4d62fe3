"""A loss is a pair of functions of the logits, one for each player."""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import jax
from jaxtyping import Array, Float

Logits = Float[Array, "..."]  # [B], checked by check_logits; a scalar inside vmap
LogitLoss = Callable[[Logits, Logits], Logits]  # (real_logits, fake_logits) -> one value per example


class _Pair(NamedTuple):
    discriminator: LogitLoss
    generator: LogitLoss


class Loss(_Pair):
    """The objectives of the two players; both are minimized.

    Attributes:
        discriminator: ``(real_logits [B], fake_logits [B]) -> [B]``.
        generator: ``(real_logits [B], fake_logits [B]) -> [B]``. Most generator losses do not use the real
            logits; XLA then removes the computation of these.
        smoothable: whether `one_sided_label_smoothing` may wrap the loss. The discriminator's loss must be a
            term of the real logits plus a term of the fake ones, and must be bounded below when smoothed.

    Examples:
        >>> import jax.numpy as jnp
        >>> from jaxgan import losses
        >>> real, fake = jnp.array([2.0, -1.0]), jnp.array([-3.0, 0.5])
        >>> losses.hinge.discriminator(real, fake)
        Array([0. , 3.5], dtype=float32)
        >>> losses.hinge.generator(real, fake).mean()
        Array(1.25, dtype=float32)

    References:
        Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, eq. 1.
    """

    smoothable: bool = False


def pair(
    name: str, discriminator: LogitLoss, generator: LogitLoss, doc: str, *, smoothable: bool = False
) -> Loss:
    """Make a loss with a name and a docstring of its own, which checks the shapes of its logits.

    Args:
        name: the loss's `__name__`; the two functions are called ``NAME_discriminator`` and
            ``NAME_generator``.
        discriminator: ``(real_logits [B], fake_logits [B]) -> [B]``.
        generator: ``(real_logits [B], fake_logits [B]) -> [B]``.
        doc: the loss's docstring, which `help` shows.
        smoothable: see `Loss`.

    Returns:
        The loss.
    """
    loss = Loss(
        _checked(discriminator, f"{name}_discriminator"),
        _checked(generator, f"{name}_generator"),
    )
    loss.__name__ = name  # pyrefly: ignore  # an attribute that a plain `Loss` lacks
    loss.__doc__, loss.smoothable = doc, smoothable
    return loss


def _checked(function: LogitLoss, name: str) -> LogitLoss:
    @wraps(function)
    def checked(real_logits: Logits, fake_logits: Logits) -> Logits:
        check_logits(real_logits, fake_logits)
        return function(real_logits, fake_logits)

    checked.__name__ = checked.__qualname__ = name
    return checked


def check_logits(real_logits: jax.Array, fake_logits: jax.Array) -> None:
    """Refuse shapes that would broadcast silently: ``[B, 1]`` against ``[B]`` gives ``[B, B]``.

    Raises:
        ValueError: if they are no arrays, if the shapes differ, or have more than one axis.
    """
    for logits in (real_logits, fake_logits):
        if not hasattr(logits, "shape"):
            raise ValueError(f"a loss takes arrays of logits [B], got {logits!r:.60}")
    if real_logits.shape != fake_logits.shape or real_logits.ndim > 1:
        columns = any(logits.ndim == 2 and logits.shape[1] == 1 for logits in (real_logits, fake_logits))
        cure = ": squeeze the last axis, logits[:, 0]" if columns else ""
        raise ValueError(
            "a loss takes logits of one shape [B] for real and fake examples, "
            f"got real {real_logits.shape} and fake {fake_logits.shape}{cure}"
        )
