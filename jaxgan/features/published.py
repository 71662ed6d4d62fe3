"""Networks of others with the weights of a file, as extractors.

The 2015 Inception: a score that is to be called FID comes from it with the published weights, such as
``weights-inception-2015-12-05-6726825d.pth`` of torch-fidelity or ``pt_inception-2015-12-05-6726825d.pth`` of
pytorch-fid. EfficientNet-Lite0 is a smaller one (`jaxgan.features.networks.efficientnet` says where it is).
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
from jaxgan.features.store import Arrays, content_hash
from jaxgan.features.weights import read_weights
from jaxgan.state import named_leaves, with_leaves
from jaxgan.system.errors import UserError


class Network(NamedTuple):
    """A network whose weights somebody has published.

    Attributes:
        module: images ``[B, H, W, 3]`` in [0, 255] to features and logits.
        title: what to call it in a sentence.
        sha256: of the published file, whose name holds the first digits.
        input: what is done to images first.
        own: names in its modules that the file does not have.
        url: of the file, where it can be downloaded by itself.
        size: of the file in bytes.
    """

    module: nn.Module
    title: str
    sha256: str
    input: str
    own: tuple[str, ...] = ()
    url: str | None = None
    size: int = 0


INCEPTION, EFFICIENTNET = "inception-2015", "efficientnet-lite0"
NETWORKS = {
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
        name: of `NETWORKS`.
        path: a ``.pth`` or ``.safetensors`` with PyTorch's names. The extractor has the plain name only if it
            is the published file; any other has its hash in its name.

    Raises:
        UserError: if it cannot be read, or does not fit.
    """
    arrays, digest = read_weights(path)
    network = NETWORKS[name]
    variables = convert(network, arrays, path)
    hash = content_hash({name: np.asarray(leaf) for name, leaf in named_leaves(variables).items()})

    def apply(variables: Any, images: UInt8[Array, "batch height width channel"]) -> Any:
        colour = jnp.broadcast_to(images, (*images.shape[:3], 3)) if images.shape[-1] == 1 else images
        return network.module.apply(variables, colour.astype(jnp.float32))

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
        UserError: naming what is missing or of another shape.
    """
    like = jax.eval_shape(network.module.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    found = {}
    for name, leaf in named_leaves(like).items():
        theirs = _their_name(name, network.own)
        if theirs not in arrays:
            raise UserError(f"{path} does not hold {network.title}: {theirs} is missing")
        array = arrays[theirs].astype(np.float32)
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        if array.shape != leaf.shape:
            raise UserError(
                f"{path} does not hold {network.title}: {theirs} has shape {list(arrays[theirs].shape)}"
            )
        found[name] = jnp.asarray(array)
    return with_leaves(like, found)


def _their_name(name: str, own: tuple[str, ...]) -> str:
    """Return PyTorch's name, "Mixed_5b.branch1x1.bn.weight", of our "params/Mixed_5b/branch1x1/bn/scale"."""
    *modules, leaf = name.split("/")[1:]
    theirs = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    return ".".join([*(module for module in modules if module not in own), theirs.get(leaf, leaf)])
