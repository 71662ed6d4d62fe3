"""What the layers of a generator take in, and what comes out when that is changed.

Every layer with a kernel, whatever its class, is called with the features of the layer before it: they are
already normalized and activated. These inputs are what "activations" means here. A path names a layer as
flax names its parameters, such as ``"Dense_1"`` or ``"ResidualBlock_0/first"``. A layer that is called again
has the number of the call behind its path: ``"Dense_1:2"``.

Replacing an input is an intervention: what the generator makes of it shows what the features are for
(Bau et al. 2019).

References:
    Bau et al. 2019, GAN Dissection, https://arxiv.org/abs/1811.10597: interventions
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.state import Variables
from jaxgan.system.errors import UserError

Edit = Callable[[jax.Array], jax.Array]
Activations = list[tuple[str, jax.Array]]


class Call(NamedTuple):
    """One call of a layer with a kernel.

    Attributes:
        path: the layer's path.
        inputs: what the layer took in, ``[B, ..., C]``.
        kernel: the layer's kernel, divided by its norm where the layer has spectral normalization.
    """

    path: str
    inputs: jax.Array
    kernel: jax.Array


def activations(
    module: nn.Module, variables: Variables, latents: jax.Array, labels: jax.Array | None = None
) -> Activations:
    """Return what each layer with a kernel takes in, in the order of the calls.

    Args:
        module: a generator, ``(latents, labels, *, train) -> images``.
        variables: the generator's variables.
        latents: ``[B, Z]``.
        labels: ``[B]`` for a conditional generator, or None.

    Returns:
        Pairs of a path and its features ``[B, ..., C]``.

    Raises:
        UserError: if layers are called inside of a transformation such as `flax.linen.scan`.
    """
    return listening(module)(variables, latents, labels)


def listening(
    module: nn.Module, path: str | None = None, keep: Edit = lambda features: features
) -> Callable[..., Activations]:
    """Return `activations` of a module as a function that compiles once.

    Args:
        module: a generator.
        path: the one layer that is listened to; None for all.
        keep: ``features -> features``, what to keep of them.

    Returns:
        ``(variables, latents, labels=None) -> [(path, features [B, ..., C])]``.
    """
    names: list[str] = []

    @jax.jit
    def listen(variables: Any, latents: Any, labels: Any = None) -> list[jax.Array]:
        found = calls(module, variables, latents, labels)[1]
        chosen = [call for call in found if path in (None, call.path)]
        if not chosen:
            raise unknown_path(path, [call.path for call in found])
        names[:] = [call.path for call in chosen]  # a dict would come back sorted
        return [keep(call.inputs) for call in chosen]

    def ordered(variables: Variables, latents: Any, labels: Any = None) -> Activations:
        with readable(module):
            arrays = listen(variables, latents, labels)
        return list(zip(names, arrays, strict=True))

    return ordered


@contextlib.contextmanager
def readable(module: nn.Module) -> Iterator[None]:
    """Raise a `UserError` where the body listens to layers that are inside of a transformation."""
    try:
        yield
    except jax.errors.UnexpectedTracerError as error:
        raise UserError(
            f"{type(module).__name__} calls layers inside of a transformation such as flax.linen.scan, "
            "where they cannot be listened to"
        ) from error


def edited(module: nn.Module, variables: Variables, edits: Mapping[str, Edit]) -> Callable[..., jax.Array]:
    """Return a generator whose layers take in something else.

    Args:
        module: a generator, ``(latents, labels, *, train) -> images``.
        variables: the generator's variables.
        edits: a function ``features [B, ..., C] -> features`` of the same shape, by the path of the layer.

    Returns:
        ``generate(latents, labels=None) -> images``. It raises a `UserError` if a path does not exist, which
        names those that do, or if a function returns another shape.
    """

    @jax.jit
    def draw(variables: Any, latents: Any, labels: Any = None) -> Any:
        return calls(module, variables, latents, labels, edits)[0]

    return lambda latents, labels=None: draw(variables, latents, labels)


def calls(
    module: nn.Module,
    variables: Variables,
    latents: jax.Array,
    labels: jax.Array | None = None,
    edits: Mapping[str, Edit] | None = None,
) -> tuple[jax.Array, list[Call]]:
    """Return a generator's images and the calls of its layers with a kernel, in order; not compiled.

    Args:
        module: a generator.
        variables: the generator's variables.
        latents: ``[B, Z]``.
        labels: ``[B]`` or None.
        edits: functions of what layers take in, by path; None for none.

    Raises:
        UserError: if a path of the edits does not exist, or if an edit changes a shape.
    """
    return recorded(lambda: module.apply(variables, latents, labels, train=False), edits)


def recorded(
    draw: Callable[[], Any], edits: Mapping[str, Edit] | None = None
) -> tuple[jax.Array, list[Call]]:
    """Return what a function draws by modules, and the calls of layers with a kernel; see `calls`."""
    edits, found, counts = edits or {}, list[Call](), dict[str, int]()

    def listen(
        call: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any], context: Any
    ) -> Any:
        layer = context.module
        if context.method_name != "__call__" or not layer.has_variable("params", "kernel"):
            return call(*inputs, **options)
        place = "/".join(layer.path)
        counts[place] = counts.get(place, 0) + 1
        path = place if counts[place] == 1 else f"{place}:{counts[place]}"
        keyword = None if inputs else next(iter(options))
        features = inputs[0] if keyword is None else options[keyword]
        if path in edits:
            features = _checked(path, edits[path](features), features)
        found.append(Call(path, features, layer.get_variable("params", "kernel")))
        if keyword is None:
            return call(features, *inputs[1:], **options)
        return call(**options | {keyword: features})

    with nn.intercept_methods(listen):
        images = jnp.asarray(draw())
    for path in edits:
        if path not in (paths := [call.path for call in found]):
            raise unknown_path(path, paths)
    return images, found


def unknown_path(path: str | None, known: list[str]) -> UserError:
    """Return the error that a generator has no layer of a path."""
    if not known:
        return UserError("this generator has no layer with a kernel: its activations cannot be shown")
    return UserError(f"there is no layer {path}: there are {', '.join(known)}")


def _checked(path: str, edit: Any, features: jax.Array) -> jax.Array:
    edit = jnp.asarray(edit)
    if edit.shape != features.shape:
        raise UserError(
            f"the edit of {path} returns the shape of what it is given, {list(features.shape)}, "
            f"got {list(edit.shape)}"
        )
    return edit.astype(features.dtype)
