"""linen's layers in the places of jaxgan's, for measurements of both with the same networks."""

import contextlib
import dataclasses
from collections.abc import Callable, Generator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.convolution import Conv, ConvDownsample, ConvTranspose, UpsampleConv
from jaxgan.layers.plain import plain


class RepeatThenConv(nn.Conv):
    """The two steps that `UpsampleConv` fuses."""

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Return features of twice the size."""
        return super().__call__(jnp.repeat(jnp.repeat(inputs, 2, axis=1), 2, axis=2))


class ConvThenPool(nn.Conv):
    """The two steps that `ConvDownsample` fuses."""

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Return features of half the size."""
        return nn.avg_pool(super().__call__(inputs), (2, 2), (2, 2))


PLAIN: dict[type[nn.Module], Any] = {
    BatchNorm: nn.BatchNorm,
    Conv: nn.Conv,
    ConvDownsample: ConvThenPool,
    ConvTranspose: nn.ConvTranspose,
    UpsampleConv: RepeatThenConv,
}


@contextlib.contextmanager
def linen_layers() -> Generator[None]:
    """Let networks that are traced in the body use linen's layers, and functions of `jax.lax` alone.

    A layer that linen has not, such as a modulated convolution, keeps its place; its convolutions and filters
    are then those of `jax.lax` (`jaxgan.layers.plain`).
    """
    with plain(), nn.intercept_methods(_in_its_place):
        yield


def _in_its_place(
    call: Callable[..., Any], args: Any, kwargs: Any, context: nn.module.InterceptorContext
) -> Any:
    """Call linen's layer with the settings of jaxgan's; it finds its parameters under the same names."""
    layer = context.module
    if type(layer) not in PLAIN or context.method_name != "__call__":
        return call(*args, **kwargs)
    linens = PLAIN[type(layer)]
    names = {field.name for field in dataclasses.fields(layer)} & {f.name for f in dataclasses.fields(linens)}
    settings = {name: getattr(layer, name) for name in names - {"parent", "name"}}
    return linens(**settings, parent=layer.scope)(*args, **kwargs)
