"""Published networks with the weights of a file, as extractors.

A score may be called FID only if it comes from the 2015 Inception with its published weights, such as
``weights-inception-2015-12-05-6726825d.pth`` of torch-fidelity or ``pt_inception-2015-12-05-6726825d.pth`` of
pytorch-fid. EfficientNet-Lite0 is smaller; `jaxgan.features.networks.efficientnet` says where its weights
are.
"""

from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8

from jaxgan.features.extractor import Extractor
from jaxgan.features.networks.efficientnet import EfficientNet
from jaxgan.features.networks.inception import Inception
from jaxgan.features.weights import read_weights
from jaxgan.state import named_leaves, with_leaves
from jaxgan.system.cache import Arrays, content_hash
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key


class Network(NamedTuple):
    """A network whose weights somebody has published.

    Attributes:
        module: images ``[B, H, W, 3]`` in [0, 255] to features and logits.
        title: the network's name in a sentence.
        sha256: the hash of the published file, whose name holds the first digits.
        input: how images are resized first, in words.
        own: names of modules here that the file's names do not have.
        url: the address of the file; None if it cannot be downloaded by itself.
        size: the length of the file in bytes.
    """

    module: nn.Module
    title: str
    sha256: str
    input: str
    own: tuple[str, ...] = ()
    url: str | None = None
    size: int = 0


INCEPTION, EFFICIENTNET = "inception-2015", "efficientnet-lite0"
PUBLISHED = {
    INCEPTION: Network(
        Inception(),
        "the 2015 Inception",
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        "TensorFlow 1 bilinear to 299x299",
        url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
        "weights-inception-2015-12-05-6726825d.pth",
        size=95_628_359,
    ),
    EFFICIENTNET: Network(
        EfficientNet(),
        "EfficientNet-Lite0",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "cubic to 224x224",
        own=("stem", "widen", "filter", "narrow", "head"),
    ),
}


def published(name: str, path: Path) -> Extractor:
    """Return a network with the weights of a file as an extractor.

    Args:
        name: one of `PUBLISHED`.
        path: a ``.pth`` or ``.safetensors`` with PyTorch's names. With any file but the published one, the
            extractor's name holds a hash of the weights.

    Raises:
        UserError: if the file cannot be read, or does not fit the network.
    """
    arrays, digest = read_weights(path)
    network = PUBLISHED[name]
    variables = convert(network, arrays, path)
    hash = content_hash({name: np.asarray(leaf) for name, leaf in named_leaves(variables).items()})

    def apply(variables: Any, images: UInt8[Array, "batch height width channel"]) -> Any:
        if images.shape[-1] not in (1, 3):
            raise ValueError(f"{name} takes 1 or 3 channels, got {images.shape[-1]}")
        color = jnp.broadcast_to(images, (*images.shape[:3], 3)) if images.shape[-1] == 1 else images
        return network.module.apply(variables, color.astype(jnp.float32))

    return Extractor(
        name if digest == network.sha256 else f"{name}-{hash[:8]}",
        apply,
        variables,
        hash=hash,
        details={"weights": path.name, "weights_sha256": digest, "input": network.input},
        batch_size=32,
    )


def convert(network: Network, arrays: Arrays, path: Path) -> Any:
    """Return PyTorch's arrays as a network's variables.

    Raises:
        UserError: if an array is missing or has another shape, with its name.
    """
    like = jax.eval_shape(network.module.init, seed_key(0), jnp.zeros((1, 32, 32, 3)))
    leaves = {}
    for name, leaf in named_leaves(like).items():
        their_name = _their_name(name, network.own)
        if their_name not in arrays:
            raise UserError(f"{path} does not hold {network.title}: {their_name} is missing")
        array = arrays[their_name].astype(np.float32)
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        if array.shape != leaf.shape:
            shape = list(arrays[their_name].shape)
            raise UserError(f"{path} does not hold {network.title}: {their_name} has shape {shape}")
        leaves[name] = jnp.asarray(array)
    return with_leaves(like, leaves)


def _their_name(name: str, own: tuple[str, ...]) -> str:
    """Return PyTorch's name "Mixed_5b.branch1x1.bn.weight" for "params/Mixed_5b/branch1x1/bn/scale"."""
    *modules, leaf = name.split("/")[1:]
    their_leaf = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    return ".".join([*(module for module in modules if module not in own), their_leaf.get(leaf, leaf)])
