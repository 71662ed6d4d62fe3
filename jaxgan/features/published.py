"""The 2015 Inception with the weights of a file, as an extractor.

A score that is to be called FID comes from this network with the published weights: a file of them, such as
``weights-inception-2015-12-05-6726825d.pth`` of torch-fidelity or ``pt_inception-2015-12-05-6726825d.pth`` of
pytorch-fid, is given by its path.
"""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8

from jaxgan.errors import UserError
from jaxgan.features.extractor import Extractor
from jaxgan.features.inception import SIZE, Inception
from jaxgan.features.store import Arrays, content_hash
from jaxgan.features.weights import read_weights
from jaxgan.state import named_leaves, with_leaves

NAME = "inception-2015"
PUBLISHED = "6726825d"  # the first digits of the published file's sha256, which its name holds


def inception(path: Path) -> Extractor:
    """Return the 2015 Inception with the weights of a file as an extractor.

    Args:
        path: a ``.pth`` or ``.safetensors`` with PyTorch's names. It is called "inception-2015", and its
            scores plainly FID and KID, only if it is the published file; any other has its hash in its name.

    Raises:
        UserError: if it cannot be read, or does not fit.
    """
    arrays, digest = read_weights(path)
    network = Inception()
    variables = convert(network, arrays, path)
    published = digest.startswith(PUBLISHED)
    hash = content_hash({name: np.asarray(leaf) for name, leaf in named_leaves(variables).items()})

    def apply(variables: Any, images: UInt8[Array, "batch height width channel"]) -> Any:
        colour = jnp.broadcast_to(images, (*images.shape[:3], 3)) if images.shape[-1] == 1 else images
        return network.apply(variables, colour.astype(jnp.float32))

    return Extractor(
        NAME if published else f"{NAME}-{hash[:8]}",
        apply,
        variables,
        hash=hash,
        details={"weights": path.name, "weights_sha256": digest, "input": "TensorFlow 1 bilinear to 299x299"},
        batch_size=32,
    )


def convert(network: nn.Module, arrays: Arrays, path: Path) -> Any:
    """Return PyTorch's arrays as a network's variables.

    Raises:
        UserError: naming what is missing or of another shape.
    """
    like = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
    found = {}
    for name, leaf in named_leaves(like).items():
        theirs = _their_name(name)
        if theirs not in arrays:
            raise UserError(f"{path} does not hold the 2015 Inception: {theirs} is missing")
        array = arrays[theirs].astype(np.float32)
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        if array.shape != leaf.shape:
            raise UserError(
                f"{path} does not hold the 2015 Inception: {theirs} has shape {list(arrays[theirs].shape)}"
            )
        found[name] = jnp.asarray(array)
    return with_leaves(like, found)


def _their_name(name: str) -> str:
    """Return PyTorch's name, "Mixed_5b.branch1x1.bn.weight", of our "params/Mixed_5b/branch1x1/bn/scale"."""
    *modules, leaf = name.split("/")[1:]
    theirs = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    return ".".join([*modules, theirs.get(leaf, leaf)])
