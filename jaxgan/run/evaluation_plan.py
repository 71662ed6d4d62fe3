"""The plan of a run's evaluations: metrics, real data and their features, and when to stop."""

import math
import warnings
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import features, sampling
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.data import Dataset
from jaxgan.data.mixtures import MIXTURES
from jaxgan.data.sources import has_splits, spelled
from jaxgan.evaluate import DISTANCES, METRICS, WITH_TRAINING_SET, from_generator
from jaxgan.evaluate.fakes import Fakes, random_rows, spread_outputs
from jaxgan.evaluate.reals import (
    Reals,
    draw_reals,
    labels_like,
    load,
    notes_on,
    real_outputs,
    with_labels,
)
from jaxgan.evaluate.scores import Evidence, scalars, split_names
from jaxgan.features import Extractor, Outputs
from jaxgan.features.classifiers import why_not_own
from jaxgan.images import judge
from jaxgan.metrics import mode_coverage
from jaxgan.metrics.result import Result
from jaxgan.run import early_stopping
from jaxgan.run.early_stopping import Goal, Row
from jaxgan.system import processes
from jaxgan.system.errors import UserError

NOT_MIRRORED = "evaluations compare with real images that are not flipped, and training flips them (`mirror`)"
COORDINATES = "coordinates"  # the name of the extractor of points, whose features are their coordinates


class EvaluationPlan(NamedTuple):
    """How a run is evaluated.

    Attributes:
        every: steps between evaluations.
        n: number of generated images.
        n_real: number of real images.
        names: names of the metrics.
        goal: the metric that decides, and when to stop.
        extractor: name of the network that computes the features.
        evidence: ``(experiment, generate, key) -> Evidence``: features of the real images and of fakes.
        measure: ``(name, evidence) -> results`` of one metric.
        protocol: everything that the numbers depend on, as JSON values.
        notes: lines for the user about what the numbers are worth.
    """

    every: int
    n: int
    n_real: int
    names: tuple[str, ...]
    goal: Goal
    extractor: str
    evidence: Callable[[Experiment, Callable[..., jax.Array], jax.Array], Evidence]
    measure: Callable[[str, Evidence], tuple[Result, ...]]
    protocol: dict[str, Any]
    notes: tuple[str, ...] = ()


def plan(config: Config, dataset: Dataset, extractor: Extractor | None = None) -> EvaluationPlan | None:
    """Return a run's plan, or None if it is not evaluated; computes the features of the real images.

    Args:
        config: the run's config.
        dataset: the run's data set. A TFDS one is compared with its "test" split, any other with itself.
        extractor: your own extractor, or None.

    Raises:
        UserError: if an option is not allowed, or if the extractor or the data cannot be loaded.
    """
    names, goal = check(config, dataset, choose=extractor is None)
    if config.evaluate_every is None:
        return None
    if dataset.kind == "points":
        return _plan_of_points(config, dataset, names, goal)
    if extractor is None:
        labelled = with_labels(dataset, config)
        source, data_dir = dataset.name, config.data_dir
        extractor = features.get(**_choice(config), source=source, dataset=labelled, data_dir=data_dir)
    has_sources = config.game.learns_pairs or config.game.learns_unpaired
    is_own = dataset.name != spelled(config.data) or has_sources
    if has_splits(dataset.name) and not is_own:
        shape = dataset.images.shape[1:]
        reals = load(dataset.name, shape, split="test", n=config.evaluate_n, data_dir=config.data_dir)
    else:
        reals = draw_reals(dataset, config.evaluate_n)
    translates = has_sources or config.game.degradation() is not None
    n = config.evaluate_n
    if translates:
        n = len(reals.images if reals.unpaired is None else reals.unpaired)
    none = Outputs(np.empty((0, 0), np.float32))  # process 0 alone compares fakes with reals
    real = real_outputs(reals, extractor) if processes.is_first() else none

    def evidence(experiment: Experiment, generate: Callable[..., jax.Array], key: jax.Array) -> Evidence:
        if experiment.step.game.SOURCES:
            return Evidence(
                real, spread_outputs(_translated(experiment, generate, reals, key), extractor), extractor
            )
        labels = labels_like(reals, config.evaluate_n, experiment.num_classes)
        latent_dim, prior = experiment.shapes.latent_dim, experiment.step.game.prior
        fakes = from_generator(
            generate, latent_dim=latent_dim, n=config.evaluate_n, labels=labels, key=key, prior=prior
        )
        return Evidence(real, spread_outputs(fakes, extractor), extractor)

    def measure(name: str, evidence: Evidence) -> tuple[Result, ...]:
        return METRICS[name](evidence)

    _rehearse(config, names, Evidence(real, real, extractor), measure)
    return EvaluationPlan(
        config.evaluate_every,
        n,
        len(reals.images),
        names,
        goal,
        extractor.name,
        evidence,
        measure,
        _protocol(config, names, reals, extractor) | ({"latents": None, "n_fake": n} if translates else {}),
        (*notes_on(extractor, reals.source), *[NOT_MIRRORED] * config.mirror),
    )


def _translated(
    experiment: Experiment, generate: Callable[..., jax.Array], reals: Reals, key: jax.Array
) -> Fakes:
    """Return what a translator makes of the sources of the real images, with the same draws each time."""
    sources = reals.sources if reals.unpaired is None else reals.unpaired
    batch = {"image": reals.images} if sources is None else {"source": sources}
    count = len(reals.images if sources is None else sources)

    def made(first: int, size: int) -> np.ndarray:
        rows = np.minimum(np.arange(first, first + size), count - 1)  # one size compiles once
        some = {name: array[rows] for name, array in batch.items()}
        inputs = experiment.step.game.inputs_of(some, jax.random.fold_in(key, first), size, 0)
        judged = judge(generate(inputs, None), "the translated images", generated=True)
        return (judged.warn() if first == 0 else judged).eight_bits()

    return Fakes(count, made, None, {})


def _plan_of_points(config: Config, dataset: Dataset, names: tuple[str, ...], goal: Goal) -> EvaluationPlan:
    """Return the plan of a run that learns points: their features are their coordinates."""
    rows = random_rows(len(dataset.images), config.evaluate_n)
    real = Outputs(np.asarray(dataset.images[rows], np.float32))
    mixture = MIXTURES.get(dataset.name)
    extractor = Extractor(COORDINATES, lambda variables, points: (points, None))

    def evidence(experiment: Experiment, generate: Callable[..., jax.Array], key: jax.Array) -> Evidence:
        count, classes = config.evaluate_n, experiment.num_classes
        latents = sampling.draw_latents(key, count, experiment.shapes.latent_dim, experiment.step.game.prior)
        points = np.asarray(generate(latents, sampling.column_labels(count, classes)), np.float32)
        if not np.isfinite(points).all():
            raise features.FeaturesNotFiniteError("the generator makes points that are not finite")
        return Evidence(real, Outputs(points), extractor)

    def measure(name: str, evidence: Evidence) -> tuple[Result, ...]:
        if name != "modes":
            return METRICS[name](evidence)
        if mixture is None:
            raise ValueError(
                f"the modes of {dataset.name} are not known: only those of {', '.join(MIXTURES)}"
            )
        return (mode_coverage(evidence.fake.features, mixture.centers, sigma=mixture.sigma),)

    _rehearse(config, names, Evidence(real, real, extractor), measure)
    protocol = {
        "weights": "EMA",
        "metrics": list(names),
        "n_fake": config.evaluate_n,
        "against": dataset.name,
        "n_real": len(rows),
        "extractor": COORDINATES,
    }
    return EvaluationPlan(
        config.evaluate_every or 1,
        config.evaluate_n,
        len(rows),
        names,
        goal,
        COORDINATES,
        evidence,
        measure,
        protocol,
    )


def _rehearse(
    config: Config,
    names: tuple[str, ...],
    evidence: Evidence,
    measure: Callable[[str, Evidence], tuple[Result, ...]],
) -> None:
    """Raise `UserError` if a metric needs more images than this; real images stand in for the fakes."""
    if not processes.is_first():
        return
    rows = np.resize(np.arange(len(evidence.real.features)), config.evaluate_n)
    evidence = evidence._replace(fake=jax.tree.map(itemgetter(rows), evidence.real))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name in names:
            try:
                measure(name, evidence)
            except ValueError as error:
                raise UserError(f"`metrics` {name}, `evaluate_n` {config.evaluate_n}: {error}") from error


def check(config: Config, dataset: Dataset, *, choose: bool = True) -> tuple[tuple[str, ...], Goal]:
    """Return the names of the metrics of a run's evaluations, and its goal; computes nothing.

    Args:
        config: the run's config.
        dataset: the run's data set.
        choose: whether an extractor must be found, as the caller brings none of their own.

    Raises:
        UserError: if an option is not allowed.
    """
    known = tuple(name for name in METRICS if name not in WITH_TRAINING_SET)
    names = split_names(",".join(config.metrics), known)
    goal = early_stopping.parse(config.stop_at, config.patience, names, DISTANCES)
    if config.evaluate_every is None and (config.stop_at is not None or config.patience is not None):
        raise UserError("`stop_at` and `patience` look at evaluations: set `evaluate_every`")
    if config.evaluate_every is not None and choose and dataset.images.ndim != 2:
        labelled = not why_not_own(with_labels(dataset, config))
        features.choose(**_choice(config), source=dataset.name, labelled=labelled)
    return names, goal


def _choice(config: Config) -> dict[str, Any]:
    return {
        "name": config.extractor,
        "inception_weights": config.inception_weights,
        "efficientnet_weights": config.efficientnet_weights,
    }


def measure(
    plan: EvaluationPlan, experiment: Experiment, generate: Callable[..., jax.Array], key: jax.Array
) -> tuple[Row, list[str]]:
    """Return a generator's scores, with None for one that is not finite, and lines for the user.

    Of several processes each makes a share of the fakes, and process 0 alone returns scores.

    Args:
        plan: the run's plan.
        experiment: the run's experiment.
        generate: ``(latents, labels) -> images``.
        key: key of the latents.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            evidence = plan.evidence(experiment, generate, key)
        except features.FeaturesNotFiniteError as error:
            return {plan.goal.metric or plan.names[0]: None}, [f"cannot evaluate: {error}"]
        results = {name: plan.measure(name, evidence) for name in plan.names if processes.is_first()}
    notes = [f"note: {message}" for message in dict.fromkeys(str(warning.message) for warning in caught)]
    return {name: x if math.isfinite(x) else None for name, x in scalars(results).items()}, notes


def _protocol(config: Config, names: tuple[str, ...], reals: Reals, extractor: Extractor) -> dict[str, Any]:
    return {
        "weights": "EMA",
        "latents": "standard normal, not truncated, the same at every evaluation",
        "metrics": list(names),
        "n_fake": config.evaluate_n,
        "against": reals.source,
        "split": reals.split,
        "n_real": len(reals.images),
        "bits": 8,
        "extractor": extractor.name,
        "extractor_hash": extractor.hash,
        "extractor_details": extractor.details,
        "resize": extractor.change(reals.images.shape[1:]),
        **({"mirrored": False} if config.mirror else {}),  # in no protocol of an older version
    }
