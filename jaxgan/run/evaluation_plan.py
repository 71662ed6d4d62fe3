"""What a run is evaluated by: metrics, real images and their features, and when it is good enough."""

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
from jaxgan.evaluate import DISTANCES, METRICS, WITH_TRAINING_SET, from_generator, labels_like, split_names
from jaxgan.evaluate import reals as there
from jaxgan.evaluate.fakes import outputs
from jaxgan.evaluate.reals import Reals
from jaxgan.evaluate.scores import Evidence, scalars
from jaxgan.features import Extractor, Outputs
from jaxgan.run import early_stopping
from jaxgan.run.early_stopping import Goal, Row
from jaxgan.system.errors import UserError


class EvaluationPlan(NamedTuple):
    """What a run is evaluated by.

    Attributes:
        every: steps between evaluations.
        n: number of generated images.
        names: names of the metrics.
        goal: when to stop.
        reals: real images that the fakes are compared with.
        real: features of the real images.
        extractor: network that computed them.
    """

    every: int
    n: int
    names: tuple[str, ...]
    goal: Goal
    reals: Reals
    real: Outputs
    extractor: Extractor


def plan(config: Config, dataset: data.Dataset, extractor: Extractor | None = None) -> EvaluationPlan | None:
    """Return what a run is evaluated by, or None if it is not; computes the features of the reals.

    Args:
        config: the run's config.
        dataset: the run's data set. A TFDS one is compared with its "test" split, any other with itself.
        extractor: your own extractor, or None.

    Raises:
        UserError: if the options make no sense, or an extractor or data cannot be had.
    """
    names, wanted = check(config, dataset.name if extractor is None else None)
    if config.evaluate_every is None:
        return None
    if extractor is None:
        extractor = features.get(**_choice(config), source=dataset.name, data_dir=config.data_dir)
    if data.has_splits(dataset.name) and dataset.name == config.data:
        shape = dataset.images.shape[1:]
        reals = there.load(dataset.name, shape, split="test", n=config.evaluate_n, data_dir=config.data_dir)
    else:
        reals = there.from_dataset(dataset, config.evaluate_n)
    real = there.outputs(reals, extractor)
    result = EvaluationPlan(config.evaluate_every, config.evaluate_n, names, wanted, reals, real, extractor)
    _rehearse(result)
    return result


def _rehearse(plan: EvaluationPlan) -> None:
    """Raise `UserError` if a metric cannot be had of so many images; reals stand in for the fakes."""
    rows = np.resize(np.arange(len(plan.real.features)), plan.n)
    fake = jax.tree.map(itemgetter(rows), plan.real)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name in plan.names:
            try:
                METRICS[name](Evidence(plan.real, fake, plan.extractor))
            except ValueError as error:
                raise UserError(f"--metrics {name}, --evaluate-n {plan.n}: {error}") from error


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
    plan: EvaluationPlan, experiment: Experiment, generate: Callable[..., jax.Array], key: jax.Array
) -> tuple[Row, list[str]]:
    """Return a generator's scores, None for one that is no finite number, and lines for the user.

    Args:
        plan: what to measure, and against what.
        experiment: the networks.
        generate: ``(latents, labels) -> images``.
        key: key of the latents.
    """
    fakes = from_generator(
        generate,
        latent_dim=experiment.shapes.latent_dim,
        n=plan.n,
        labels=labels_like(plan.reals, plan.n, experiment.num_classes),
        key=key,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            evidence = Evidence(plan.real, outputs(fakes, plan.extractor), plan.extractor)
        except features.NotFiniteError as error:
            return {plan.goal.metric or plan.names[0]: None}, [f"cannot evaluate: {error}"]
        results = {name: METRICS[name](evidence) for name in plan.names}
    notes = [f"note: {message}" for message in dict.fromkeys(str(warning.message) for warning in caught)]
    return {name: x if math.isfinite(x) else None for name, x in scalars(results).items()}, notes


def protocol(plan: EvaluationPlan) -> dict[str, Any]:
    """Return all that the numbers depend on, as JSON can hold it."""
    return {
        "weights": "EMA",
        "latents": "standard normal, not truncated, the same at every evaluation",
        "metrics": list(plan.names),
        "n_fake": plan.n,
        "against": plan.reals.source,
        "split": plan.reals.split,
        "n_real": len(plan.reals.images),
        "bits": 8,
        "extractor": plan.extractor.name,
        "extractor_hash": plan.extractor.hash,
        "extractor_details": plan.extractor.details,
        "resize": plan.extractor.change(plan.reals.images.shape[1:]),
    }
