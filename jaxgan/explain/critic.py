"""A run's discriminator as a critic: one number for an image, whatever else the network takes and returns.

The network is shown one image at a time, and JAX makes batches of that. So the verdict on an image does not
depend on the other images of a batch, even where a discriminator compares the images that it is shown.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgan.explain.coalitions import Critic
from jaxgan.export import Network, judges_pairs, judges_sources
from jaxgan.images import to_float
from jaxgan.representation.reader import in_batches
from jaxgan.state import Variables


def critic_of(network: Network, variables: Variables, label: Any = None, beside: Any = None) -> Critic:
    """Return a discriminator as ``images [N, H, W, C] -> logits [N]``, with everything else closed over.

    Of patches or several judges, the mean of the logits is taken. Further heads are left out.

    Args:
        network: the discriminator, which judges with ``train=False``.
        variables: the discriminator's variables, or others of their shapes.
        label: the class that the images are judged as, int32 [], which a network without classes is not
            given.
        beside: what the images are judged with: a latent ``[Z]``, or a source at the images' size
            ``[H, W, c]``. A network of images alone is not given it.
    """
    return jax.vmap(lambda image: _logit(network, variables, image, label, beside))


def logits_of(network: Network) -> Callable[..., Float[np.ndarray, " n"]]:
    """Return ``(images, labels=None, beside=None) -> logits [N]`` of a discriminator, in batches.

    Args:
        network: the discriminator. Labels and latents or sources that it does not take are left out.
    """
    each = jax.jit(jax.vmap(partial(_logit, network, network.variables)))
    return lambda images, labels=None, beside=None: in_batches(each, images, labels, beside)


def _logit(
    network: Network, variables: Variables, image: Any, label: Any = None, beside: Any = None
) -> Float[Array, ""]:
    """Return the logit of one image."""
    label = None if network.num_classes is None else label
    image, label, beside = jax.tree.map(lambda each: jnp.asarray(each)[None], (image, label, beside))
    takes_two = judges_pairs(network) or judges_sources(network)
    shown = (to_float(image), beside) if takes_two else to_float(image)
    output: Any = network.module.apply(variables, shown, label, train=False)
    return (output[0] if isinstance(output, tuple) else output).mean()
