"""Layers by the operations of `jax.lax` alone, for programs that know no others.

with plain():
    jaxpr = jax.make_jaxpr(generate)(latents)

The primitives of `jaxgan.layers.kernels` and of `jaxgan.layers.resampling` make gradients fast, and other
programs, such as a converter to ONNX, do not know them. Within `plain`, the layers compute the same numbers,
to float rounding, without these primitives. A function that `jax.jit` has traced before keeps what it has.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_plain = ContextVar("plain", default=False)


@contextlib.contextmanager
def plain() -> Iterator[None]:
    """Let layers that are called in the body use operations of `jax.lax` alone."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def is_plain() -> bool:
    """Return whether layers are to use operations of `jax.lax` alone."""
    return _plain.get()
