"""What a run will cost, and its curves."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from jaxgan.build import Experiment
from jaxgan.config import Config, option
from jaxgan.data import Dataset
from jaxgan.system.files import write_atomically

PANELS = {
    "loss": ("discriminator_loss", "generator_loss", "penalty"),
    "mean logit": ("real_logit", "fake_logit"),
    "gradient norm": ("discriminator_gradient_norm", "generator_gradient_norm"),
    "accuracy": ("discriminator_accuracy",),
}


MOST_POINTS = 2000  # of a curve: more take time and memory, and show no more
SPREADS = ("_deviation", "_standard_error", "_slope")  # measured, and not drawn


def parameter_counts(experiment: Experiment) -> tuple[int, int]:
    """Return how many parameters the generator and the discriminator have."""
    players = experiment.shapes.generator, experiment.shapes.discriminator
    counts = [sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(player.params)) for player in players]
    return counts[0], counts[1]


def header(config: Config, dataset: Dataset, experiment: Experiment, where: str) -> str:
    """Return one line on what is trained, on what, and where (`jaxgan.run.placement.describe`)."""
    height, width, channels = dataset.images.shape[1:]
    generator, discriminator = parameter_counts(experiment)
    return (
        f"{len(dataset.images):,} images {height}x{width}x{channels} of {dataset.name}; "
        f"generator {generator:,} and discriminator {discriminator:,} parameters; "
        f"{config.steps:,} steps on {where}"
    )


def lowered_step(config: Config, experiment: Experiment) -> jax.stages.Lowered:
    """Return the train step as XLA gets it, without its optimizations."""
    batch_size, d_steps = config.batch_size, config.d_steps
    batch = {
        name: jax.ShapeDtypeStruct((batch_size * d_steps, *array.shape[1:]), array.dtype)
        for name, array in experiment.arrays.items()
    }
    key = jax.eval_shape(lambda: jax.random.key(0))
    return jax.jit(experiment.step).lower(experiment.shapes, batch, key)


def flops(step: jax.stages.Lowered) -> float:
    """Return how many floating-point operations a step takes: XLA's count of what it is about to compile.

    Wide convolutions take fewer on a CPU than elsewhere (`jaxgan.layers.kernels.winograd`). XLA's
    count of what it *has* compiled would miss convolutions on GPUs, which cuDNN computes.
    """
    analysis: Any = step.cost_analysis()
    return analysis["flops"]


def dry_run(config: Config, experiment: Experiment) -> str:
    """Return the settings, parameter counts, floating-point operations per step and checkpoint size."""
    generator, discriminator = parameter_counts(experiment)
    size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(experiment.shapes))
    rows = {option(name): value for name, value in dataclasses.asdict(config).items()} | {
        "generator": f"{generator:,} parameters",
        "discriminator": f"{discriminator:,} parameters",
        "step": f"{flops(lowered_step(config, experiment)) / 1e9:,.3f} GFLOP",
        "checkpoint": f"{size / 1e6:,.1f} MB",
    }
    return "\n".join(f"{name:<32}{value}" for name, value in rows.items())


def plot_curves(
    rows: list[dict[str, int | float]], file: Path, marks: Mapping[str, int] = MappingProxyType({})
) -> None:
    """Draw the metrics of a run over its steps: each row faint, a moving average on top.

    Args:
        rows: of metrics.jsonl, in order; `MOST_POINTS` are enough.
        file: a ``.png``.
        marks: steps at which something was noticed, by its name.
    """
    from matplotlib.figure import Figure  # a second to import, and only here

    steps = [row["step"] for row in rows]
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        for i, name in enumerate(names):
            values = np.array([row[name] for row in rows])
            label = name.removesuffix(f"_{title.replace(' ', '_')}").replace("_", " ")
            axes.plot(steps, values, color=f"C{i}", alpha=0.3, linewidth=0.8)
            axes.plot(steps, _smooth(values), color=f"C{i}", label=label)
        for name, step in marks.items():
            axes.axvline(step, color="tab:red", linestyle=":", linewidth=1)
            axes.text(step, 0.02, name, transform=axes.get_xaxis_transform(), rotation=90, fontsize=7)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend()
    write_atomically(file, lambda temporary: figure.savefig(temporary, dpi=100))


def plot_evaluations(
    rows: list[dict[str, Any]], best: int, metrics: tuple[str, ...], extractor: str, folder: Path
) -> None:
    """Draw what was measured over the steps, a panel a metric, into ``evaluations.png``.

    Args:
        rows: of evaluations.jsonl, in order; a missing number is None.
        best: index of the best row, which is marked.
        metrics: names; a row's "prdc_recall" is of "prdc".
        extractor: name of the network that made the features.
        folder: of the picture.
    """
    from matplotlib.figure import Figure

    steps = [row["step"] for row in rows]
    names = [name for name in rows[best] if name != "step" and not name.endswith(SPREADS)]
    of = {name: max((m for m in metrics if f"{name}_".startswith(f"{m}_")), key=len) for name in names}
    figure = Figure(figsize=(6 * len(metrics), 4), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        for name in (name for name in names if of[name] == panel):
            values = [math.nan if row.get(name) is None else row[name] for row in rows]
            axes.plot(steps, values, marker=".", label=name.removeprefix(f"{panel}_"))
        axes.axvline(steps[best], color="grey", linestyle=":", label=f"best, step {steps[best]:,}")
        axes.set(title=f"{panel} ({extractor})", xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend()
    write_atomically(folder / "evaluations.png", lambda temporary: figure.savefig(temporary, dpi=100))


def _smooth(values: np.ndarray, share: float = 0.05) -> np.ndarray:
    """Return the mean over the rows around each, as many as `share` of all."""
    half = int(len(values) * share / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(len(values)) - half, 0)
    last = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)
