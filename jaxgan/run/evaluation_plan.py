"""What a run is judged by: metrics, real images and their features, and when it is good enough."""

import math
import warnings
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import data, features
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.data.sources import has_splits
from jaxgan.evaluate import DISTANCES, METRICS, WITH_TRAINING_SET, from_generator
from jaxgan.evaluate.fakes import fake_outputs
from jaxgan.evaluate.reals import Reals, draw_reals, labels_like, load, real_outputs
from jaxgan.evaluate.scores import Evidence, scalars, split_names
from jaxgan.features import Extractor, Outputs
from jaxgan.run import early_stopping
from jaxgan.run.early_stopping import Goal, Row
from jaxgan.system.errors import UserError


class Judge(NamedTuple):
    """What a run is judged by.

    Attributes:
        every: steps between evaluations.
        n: fakes.
        names: of the metrics.
        goal: when to stop.
        reals: what the fakes are compared with.
        real: their features.
        extractor: that made them.
    """

    every: int
    n: int
    names: tuple[str, ...]
    goal: Goal
    reals: Reals
    real: Outputs
    extractor: Extractor


def judge(config: Config, dataset: data.Dataset, extractor: Extractor | None = None) -> Judge | None:
    """Return what a run is to be judged by, or None if it is not; makes the features of the reals.

    Args:
        config: of the run.
        dataset: of the run. A TFDS one is compared with its "test" split, any other with itself.
        extractor: your own.

    Raises:
        UserError: if the options make no sense, or an extractor or data cannot be had.
    """
    names, wanted = check(config, dataset.name if extractor is None else None)
    if config.evaluate_every is None:
        return None
    if extractor is None:
        extractor = features.get(**_choice(config), source=dataset.name, data_dir=config.data_dir)
    if has_splits(dataset.name) and dataset.name == config.data:
        shape = dataset.images.shape[1:]
        reals = load(dataset.name, shape, split="test", n=config.evaluate_n, data_dir=config.data_dir)
    else:
        reals = draw_reals(dataset, config.evaluate_n)
    real = real_outputs(reals, extractor)
    judge = Judge(config.evaluate_every, config.evaluate_n, names, wanted, reals, real, extractor)
    _rehearse(judge)
    return judge


def _rehearse(judge: Judge) -> None:
    """Raise `UserError` if a metric cannot be had of so many images; reals stand in for the fakes."""
    rows = np.resize(np.arange(len(judge.real.features)), judge.n)
    fake = jax.tree.map(itemgetter(rows), judge.real)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name in judge.names:
            try:
                METRICS[name](Evidence(judge.real, fake, judge.extractor))
            except ValueError as error:
                raise UserError(f"--metrics {name}, --evaluate-n {judge.n}: {error}") from error


def check(config: Config, source: str | None) -> tuple[tuple[str, ...], Goal]:
    """Return the metrics that a run is to be evaluated by and when it stops; computes nothing.

    Args:
        config: of the run.
        source: name of the data set, for which there has to be an extractor; None: there is one.

    Raises:
        UserError: if the options make no sense.
    """
    known = tuple(name for name in METRICS if name not in WITH_TRAINING_SET)
    names = split_names(config.metrics, known)
    wanted = early_stopping.parse(config.stop_at, config.patience, names, DISTANCES)
    if config.evaluate_every is None and (config.stop_at is not None or config.patience is not None):
        raise UserError("--stop-at and --patience look at evaluations: set --evaluate-every")
    if config.evaluate_every is not None and source is not None:
        features.choose(**_choice(config), source=source)
    return names, wanted


def _choice(config: Config) -> dict[str, Any]:
    return {
        "name": config.extractor,
        "inception_weights": config.inception_weights,
        "efficientnet_weights": config.efficientnet_weights,
    }


def measure(
    judge: Judge, experiment: Experiment, generate: Callable[..., jax.Array], key: jax.Array
) -> tuple[Row, list[str]]:
    """Return what the judge measures of a generator, None where it is no finite number, and lines to say.

    Args:
        judge: what to measure, and against what.
        experiment: the networks.
        generate: ``(latents, labels) -> images``.
        key: of the latents.
    """
    fakes = from_generator(
        generate,
        latent_dim=experiment.shapes.latent_dim,
        n=judge.n,
        labels=labels_like(judge.reals, judge.n, experiment.num_classes),
        key=key,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            evidence = Evidence(judge.real, fake_outputs(fakes, judge.extractor), judge.extractor)
        except features.FeaturesNotFiniteError as error:
            return {judge.goal.metric or judge.names[0]: None}, [f"cannot evaluate: {error}"]
        results = {name: METRICS[name](evidence) for name in judge.names}
    notes = [f"note: {message}" for message in dict.fromkeys(str(warning.message) for warning in caught)]
    return {name: x if math.isfinite(x) else None for name, x in scalars(results).items()}, notes


def protocol(judge: Judge) -> dict[str, Any]:
    """Return all that the numbers depend on, as JSON can hold it."""
    return {
        "weights": "EMA",
        "latents": "standard normal, not truncated, the same at every evaluation",
        "metrics": list(judge.names),
        "n_fake": judge.n,
        "against": judge.reals.source,
        "split": judge.reals.split,
        "n_real": len(judge.reals.images),
        "bits": 8,
        "extractor": judge.extractor.name,
        "extractor_hash": judge.extractor.hash,
        "extractor_details": judge.extractor.details,
        "resize": judge.extractor.change(judge.reals.images.shape[1:]),
    }
