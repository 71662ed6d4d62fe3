"""Generative adversarial networks in JAX.

A GAN is two networks, one loss pair and one pure step; everything else is a function that you pass in or
leave out.
"""

from jaxgan import (
    augment,
    data,
    diagnostics,
    evaluate,
    features,
    losses,
    metrics,
    networks,
    parallel,
    penalties,
    sampling,
    updates,
)
from jaxgan.diagnostics import dynamics
from jaxgan.export.safetensors import load_generator
from jaxgan.losses import Loss
from jaxgan.state import GANState, init_state
from jaxgan.step import make_train_step

__version__ = "0.1.0"

__all__ = [
    "GANState",
    "Loss",
    "__version__",
    "augment",
    "data",
    "diagnostics",
    "dynamics",
    "evaluate",
    "features",
    "init_state",
    "load_generator",
    "losses",
    "make_train_step",
    "metrics",
    "networks",
    "parallel",
    "penalties",
    "sampling",
    "updates",
]
