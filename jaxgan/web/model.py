"""A generator as the function that its web page runs.

The function takes latents, and how far to go along each of the generator's directions. So the page needs not
know where the directions are: of a StyleGAN2 they move the intermediate latents w, of others the latents z.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxgan.explain.methods import directions_of
from jaxgan.explain.space import has_w, space_of
from jaxgan.export import Network, check_truncation
from jaxgan.export.portable import Array, Portable
from jaxgan.networks import biggan, biggan_deep
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key

DIRECTIONS = 8
_LARGEST = 4.0  # magnitude of a BigGAN's latents at which they are as they were drawn


class WebModel(NamedTuple):
    """The function of a web page.

    Attributes:
        portable: the function. Its inputs are named latents, labels (where there are classes), amounts (of
            the directions, where there are any), and truncation (a scalar, where there is one).
        directions: number of the directions.
        truncation: the truncation that leaves images as they are, and the largest one; None for none.
    """

    portable: Portable
    directions: int
    truncation: float | None


def web_model(generator: Network) -> WebModel:
    """Return a generator that was read as the function of a web page.

    Args:
        generator: a generator of images of latents.

    Raises:
        UserError: if the generator makes points, or images that are not finite.
    """
    description, module, variables = generator.description, generator.module, generator.variables
    space = space_of(generator)
    count = min(DIRECTIONS, int((space.scale > 0).sum()))
    vectors = jnp.zeros((0, space.size))  # of latents that are categories alone
    if count:
        vectors = jnp.asarray(directions_of(generator, space, "jacobian", count, key=seed_key(0)).vectors)
    whole = _whole_truncation(generator)

    def run(method: Any, *inputs: Any, **options: Any) -> Any:
        return module.apply(variables, *inputs, train=False, method=method, **options)

    def generate(*inputs: Any) -> tuple[Any, ...]:
        given = dict(zip((each.name for each in arrays), inputs, strict=True))
        latents, labels, truncation = given["latents"], given.get("labels"), given.get("truncation")
        if has_w(module):
            ws = run("map", latents, labels, truncation=truncation)
            return (run("synthesize", ws + (given["amounts"] @ vectors)[:, None]),)
        if truncation is not None:
            narrow = biggan.truncated(latents, truncation)
            latents = jnp.where(truncation < _LARGEST, narrow, latents)
        if count:
            latents = latents + given["amounts"] @ vectors
        return (run(None, latents, labels),)

    arrays = [Array("latents", (description["latent_dim"],), jnp.float32)]
    if generator.num_classes is not None:
        arrays.append(Array("labels", (), jnp.int32))
    if count:
        arrays.append(Array("amounts", (count,), jnp.float32))
    if whole is not None:
        arrays.append(Array("truncation", (), jnp.float32, batched=False))
    portable = Portable("generator", generate, tuple(arrays), ("images",), description)
    return WebModel(portable, count, whole)


def _whole_truncation(generator: Network) -> float | None:
    """Return the truncation at which a generator's images are as they are; None where it has none."""
    if has_w(generator.module):
        return 1.0
    if not isinstance(generator.module, biggan.Generator | biggan_deep.Generator):
        return None
    try:
        check_truncation(1.0, generator.description, type(generator.module))
    except UserError:  # its latents are not normal
        return None
    return _LARGEST
