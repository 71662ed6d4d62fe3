"""What scikit-learn's models learn of synthetic rows: the target of a table, and that they are synthetic.

Trained on fakes: models learn one column, the target, from synthetic rows alone, and are tested with real
rows that nobody was trained on. Beside it stand the same models, trained on the rows that the generator was
trained on. Two models are fitted, a linear one and boosted trees, and the mean of their scores counts.

Detection: boosted trees learn to tell synthetic rows from real ones, and are tested with rows that they have
not seen. They see what all columns say together, which the scores of single columns and pairs do not.

References:
    Esteban et al. 2017, Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs,
    https://arxiv.org/abs/1706.02633, which trains on synthetic and tests on real data
    Xu et al. 2019, Modeling Tabular data using Conditional GAN, https://arxiv.org/abs/1907.00503, section 5
    Lopez-Paz and Oquab 2017, Revisiting Classifier Two-Sample Tests, https://arxiv.org/abs/1610.06545
"""

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from jaxgan.data.tables.table import Table, listed
from jaxgan.evaluate.tables.rows import columns_of
from jaxgan.metrics import auroc
from jaxgan.metrics.records import as_points
from jaxgan.metrics.result import Result
from jaxgan.system.errors import UserError

MOST_ROWS = 50_000  # rows that a model learns or is tested with; random ones of longer tables
MOST_COMPARED = 10_000  # rows of each kind that are to be told apart
FOLDS = 3
ROUNDS = 50  # trees of the boosted ones
MANY = 500_000  # numbers that a model learns, from which it is fitted in several threads
LINEAR, TREES = "linear", "trees"

Points = Float64[np.ndarray, "n d"]


@dataclass(frozen=True, kw_only=True)
class Classified(Result):
    """The result of `trained_on_fakes` for a target of categories. All scores are of real test rows.

    Attributes:
        auc: area under the ROC curve after training on synthetic rows, in [0, 1]; of more than two categories
            the mean of each against the others; NaN if the test rows have one category.
        auc_of_reals: the same after training on real rows.
        f1: mean of the categories' F1 after training on synthetic rows, in [0, 1].
        f1_of_reals: the same after training on real rows.
        target: the column that is predicted.
        n_real: number of real training rows.
        n_test: number of real test rows.
        most_rows: largest number of rows that a model learns or is tested with.
        models: the scores of each model.
    """

    label: ClassVar[str] = "trained on fakes"
    measured: ClassVar[tuple[str, ...]] = ("auc", "auc_of_reals", "f1", "f1_of_reals")
    details: ClassVar[tuple[str, ...]] = ("models",)

    auc: float
    auc_of_reals: float
    f1: float
    f1_of_reals: float
    target: str
    n_real: int
    n_test: int
    most_rows: int = MOST_ROWS
    models: dict[str, dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Regressed(Result):
    """The result of `trained_on_fakes` for a target of numbers. All scores are of real test rows.

    Attributes:
        r2: share of the target's variance that is predicted after training on synthetic rows, at most 1;
            negative where the mean predicts better.
        r2_of_reals: the same after training on real rows.
        target: the column that is predicted.
        n_real: number of real training rows.
        n_test: number of real test rows.
        most_rows: largest number of rows that a model learns or is tested with.
        models: the scores of each model.
    """

    label: ClassVar[str] = "trained on fakes"
    measured: ClassVar[tuple[str, ...]] = ("r2", "r2_of_reals")
    details: ClassVar[tuple[str, ...]] = ("models",)

    r2: float
    r2_of_reals: float
    target: str
    n_real: int
    n_test: int
    most_rows: int = MOST_ROWS
    models: dict[str, dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Detection(Result):
    """The result of `detection`.

    Attributes:
        auc: chance that a synthetic row looks more synthetic than a real one; 0.5 if they cannot be told
            apart, 1 if they always can.
        standard_error: the standard error of the area.
        n_real: number of real rows.
        compared: number of rows of each kind that were told apart.
    """

    label: ClassVar[str] = "detection"
    measured: ClassVar[tuple[str, ...]] = ("auc", "standard_error")

    auc: float
    standard_error: float
    n_real: int
    compared: int


def trained_on_fakes(
    fakes: Table,
    train: Table,
    test: Table,
    target: str,
    *,
    seed: int = 0,
    of_reals: dict[str, dict[str, float]] | None = None,
) -> Classified | Regressed:
    """Return what models learn of a target from synthetic rows, and what they learn from real ones.

    Args:
        fakes: synthetic rows.
        train: the rows that the generator was trained on.
        test: real rows that it was not trained on.
        target: the name of the column that is predicted.
        seed: the seed of the trees, and of the rows that are taken of long tables.
        of_reals: what `scores_of` says of the training rows, where it is known already.

    Returns:
        The scores after both, of each model and their means.

    Raises:
        UserError: if the target is no column, or never there in one of the tables.
    """
    scores = {
        "": scores_of(fakes, test, target, seed=seed),
        "_of_reals": of_reals or scores_of(train, test, target, seed=seed),
    }
    means = {
        name + suffix: float(np.mean([of_model[name] for of_model in models.values()]))
        for suffix, models in scores.items()
        for name in models[LINEAR]
    }
    details = {
        model: {
            name + suffix: value for suffix, models in scores.items() for name, value in models[model].items()
        }
        for model in scores[""]
    }
    about: dict[str, Any] = {"target": target, "n_fake": len(fakes), "n_real": len(train)}
    about["n_test"] = len(_with_target(test, target))
    result: Any = Classified if train.column(target).is_categorical else Regressed
    return result(**means, **about, models=details)


def scores_of(learned: Table, test: Table, target: str, *, seed: int = 0) -> dict[str, dict[str, float]]:
    """Return the scores of models that learned one table, on another.

    Args:
        learned: the rows that the models learn.
        test: the rows that they are tested with.
        target: the name of the column that is predicted.
        seed: the seed of the trees, and of the rows that are taken of long tables.

    Returns:
        For each model, ``auc`` and ``f1`` for a target of categories, or ``r2`` for one of numbers.

    Raises:
        UserError: if the target is no column, the only one, or missing in all rows of one of the tables.
    """
    if target not in learned.names:
        raise UserError(f"`target` is one of the columns {listed(learned.names)}, got {target}")
    if len(learned.names) < 2:
        raise UserError(f"`target` {target} is the only column: there is nothing to predict it from")
    classes = learned.column(target).is_categorical
    learned, test = (_some(_with_target(table, target), MOST_ROWS, seed) for table in (learned, test))
    points, test_points = _points(learned, test, without=target)
    answers, expected = learned.values[target], test.values[target]
    if not classes:
        return {
            name: {"r2": _r2(_fitted(model, points, answers).predict(test_points), expected)}
            for name, model in _regressors(seed).items()
        }
    scores = {}
    for name, model in _classifiers(seed).items():
        known = np.unique(answers)
        chances = np.zeros((len(test), max(known.max(), expected.max()) + 1))
        if len(known) == 1:
            chances[:, known] = 1  # a classifier needs two
        else:
            chances[:, known] = _fitted(model, points, answers).predict_proba(test_points)
        scores[name] = {"auc": _auc(chances, expected), "f1": _f1(chances.argmax(axis=1), expected)}
    return scores


def detection(real: Table, fakes: Table, *, seed: int = 0) -> Detection:
    """Return how well boosted trees tell synthetic rows from real ones, by cross-validation.

    Args:
        real: real rows, best those that the generator was not trained on.
        fakes: synthetic rows.
        seed: the seed of the rows that are compared, of the folds and of the trees.

    Raises:
        UserError: if one of the tables has fewer than six rows.
    """
    count = min(len(real), len(fakes), MOST_COMPARED)
    if count < 2 * FOLDS:
        raise UserError(f"telling rows apart takes at least {2 * FOLDS} of each kind, got {count}")
    from sklearn.model_selection import StratifiedKFold  # its import takes a second

    first, second = (_some(table, count, seed + i) for i, table in enumerate((real, fakes)))
    points = np.concatenate(_points(first, second))
    is_fake = np.repeat([0, 1], count)
    scores = np.empty(2 * count)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(points, is_fake)
    for learned, seen in folds:
        model = _fitted(_classifiers(seed)[TREES], points[learned], is_fake[learned])
        scores[seen] = model.predict_proba(points[seen])[:, 1]
    area = auroc(scores, is_fake)
    return Detection(
        auc=area.value,
        standard_error=area.standard_error,
        n_real=len(real),
        n_fake=len(fakes),
        compared=count,
    )


def _classifiers(seed: int) -> dict[str, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    return {
        LINEAR: LogisticRegression(max_iter=300),
        TREES: HistGradientBoostingClassifier(max_iter=ROUNDS, early_stopping=False, random_state=seed),
    }


def _regressors(seed: int) -> dict[str, Any]:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge

    trees = HistGradientBoostingRegressor(max_iter=ROUNDS, early_stopping=False, random_state=seed)
    return {LINEAR: Ridge(), TREES: trees}


def _fitted(model: Any, points: Points, answers: np.ndarray) -> Any:
    """Return a fitted model. With few rows, threads would wait for each other longer than they compute."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # scikit-learn needs it

    with warnings.catch_warnings(), threadpool_limits(1 if points.size < MANY else None):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits change no score that is printed
        return model.fit(points, answers)


def _with_target(table: Table, target: str) -> Table:
    """Return the rows whose target is there."""
    there = ~_lacks(table, target)
    if not there.any():
        raise UserError(f"`target` {target} is missing in all rows of {table.name}")
    return table.take(there)


def _lacks(table: Table, name: str) -> np.ndarray:
    values = columns_of(table)[name]
    return np.isnan(values) if values.dtype.kind == "f" else values < 0


def _some(table: Table, most: int, seed: int) -> Table:
    """Return random rows of a table, or all if there are no more."""
    if len(table) <= most:
        return table
    return table.take(np.random.default_rng(seed).choice(len(table), most, replace=False))


def _points(reference: Table, other: Table, *, without: str | None = None) -> list[Points]:
    """Return the rows of two tables as points that are scaled by the first, without one of the columns."""
    tables = [columns_of(table) for table in (reference, other)]
    for columns in tables:
        columns.pop(without or "", None)
    return as_points(tables[0], *tables)


def _auc(chances: Float64[np.ndarray, "n k"], expected: np.ndarray) -> float:
    """Return the mean area of each category against the others; of two categories that is one area."""
    there = np.unique(expected)
    if len(there) < 2:
        return float("nan")
    return float(np.mean([auroc(chances[:, each], expected == each).value for each in there]))


def _f1(predicted: np.ndarray, expected: np.ndarray) -> float:
    """Return the mean F1 of the categories that the test rows have."""
    scores = []
    for each in np.unique(expected):
        right = np.count_nonzero((predicted == each) & (expected == each))
        scores.append(2 * right / (np.count_nonzero(predicted == each) + np.count_nonzero(expected == each)))
    return float(np.mean(scores))


def _r2(predicted: np.ndarray, expected: np.ndarray) -> float:
    """Return the share of the variance that is predicted; NaN for a constant target."""
    variance = ((expected - expected.mean()) ** 2).sum()
    return float(1 - ((expected - predicted) ** 2).sum() / variance) if variance > 0 else float("nan")
