"""Generative adversarial networks in JAX.

A GAN is two networks, one loss pair and one pure step; everything else is a function that you pass in or
leave out.

`jaxgan.train` and `jaxgan.Config` are imported when they are first asked for: checkpoints take a second to
import, and losses need none.
"""

import importlib
from typing import Any

from jaxgan import (
    augment,
    data,
    diagnostics,
    evaluate,
    features,
    games,
    layers,
    losses,
    metrics,
    networks,
    parallel,
    penalties,
    sampling,
    updates,
)
from jaxgan.diagnostics import dynamics
from jaxgan.export import load_generator, load_translator
from jaxgan.losses import Loss
from jaxgan.state import GANState, init_game, init_state
from jaxgan.step import make_step, make_train_step

__version__ = "0.1.0"

__all__ = [
    "Config",
    "GANState",
    "Loss",
    "__version__",
    "augment",
    "data",
    "diagnostics",
    "dynamics",
    "evaluate",
    "features",
    "games",
    "init_game",
    "init_state",
    "layers",
    "load_generator",
    "load_translator",
    "losses",
    "make_step",
    "make_train_step",
    "metrics",
    "networks",
    "parallel",
    "penalties",
    "sampling",
    "train",
    "updates",
]


def __getattr__(name: str) -> Any:
    if name == "train":
        return importlib.import_module("jaxgan.train")
    if name == "Config":
        return importlib.import_module("jaxgan.config").Config
    raise AttributeError(f"module 'jaxgan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
