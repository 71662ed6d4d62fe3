"""What a run will cost: parameters, operations, bytes."""

import math
from typing import Any

import jax

from jaxgan.build import Experiment
from jaxgan.config import Config, option
from jaxgan.data import Dataset
from jaxgan.system.limits import nbytes
from jaxgan.system.random import seed_key


def parameter_counts(experiment: Experiment) -> tuple[int, int]:
    """Return how many parameters the generator and the discriminator have."""
    players = experiment.shapes.generator, experiment.shapes.discriminator
    counts = [sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(player.params)) for player in players]
    return counts[0], counts[1]


def header(config: Config, dataset: Dataset, experiment: Experiment, where: str) -> str:
    """Return one line on the data, the networks and the devices (`jaxgan.run.placement.describe`)."""
    kind = dataset.kind
    shape = "x".join(map(str, dataset.image_shape))
    generator, discriminator = parameter_counts(experiment)
    return (
        f"{len(dataset.images):,} {kind} {shape} of {dataset.name}; "
        f"generator {generator:,} and discriminator {discriminator:,} parameters; "
        f"{config.steps:,} steps on {where}"
    )


def lowered_step(config: Config, experiment: Experiment) -> jax.stages.Lowered:
    """Return the lowered train step, before XLA's optimizations."""
    key = jax.eval_shape(lambda: seed_key(0))
    return jax.jit(experiment.step).lower(experiment.shapes, experiment.batch, key)


def flops(step: jax.stages.Lowered) -> float:
    """Return how many floating-point operations a step takes, by XLA's count before it compiles the step.

    On a CPU, wide convolutions take fewer than elsewhere (`jaxgan.layers.kernels.winograd`). XLA's count of
    the compiled step would miss convolutions on GPUs, which cuDNN computes.
    """
    analysis: Any = step.cost_analysis()
    return analysis["flops"]


def dry_run(config: Config, experiment: Experiment) -> str:
    """Return the settings, parameter counts, floating-point operations per step and checkpoint size."""
    generator, discriminator = parameter_counts(experiment)
    rows = {option(name): value for name, value in config.settings().items()} | {
        "generator": f"{generator:,} parameters",
        "discriminator": f"{discriminator:,} parameters",
        "step": f"{flops(lowered_step(config, experiment)) / 1e9:,.3f} GFLOP",
        "checkpoint": f"{nbytes(experiment.shapes) / 1e6:,.1f} MB",
    }
    return "\n".join(f"{name:<32}{value}" for name, value in rows.items())
