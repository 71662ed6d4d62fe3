"""What models learn of tables: scikit-learn's scores, and rows that are known to be good or bad."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import f1_score, r2_score, roc_auc_score

from jaxgan.data.tables import Column, Table
from jaxgan.evaluate.tables import detection, independent, learned, trained_on_fakes
from jaxgan.system.errors import UserError
from small_tables import small_table


def with_values(table, **values):
    return dataclasses.replace(table, values={**table.values, **values})


@pytest.fixture(scope="module")
def rows():
    return small_table(0), small_table(1), small_table(2)


def test_good_rows_teach_as_much_as_real_ones_and_bad_ones_nothing(rows):
    train, test, good = rows
    result = trained_on_fakes(good, train, test, "kind")
    assert result.auc == pytest.approx(result.auc_of_reals, abs=0.05)
    assert result.auc > 0.9
    assert (result.target, result.n_real, result.n_fake) == ("kind", 120, 120)
    assert result.n_test == np.count_nonzero(test.values["kind"])  # a missing kind cannot be predicted
    assert set(result.models) == {"linear", "trees"}
    assert result.auc == pytest.approx(np.mean([scores["auc"] for scores in result.models.values()]))
    assert trained_on_fakes(independent(train, 120, seed=3), train, test, "kind").auc < 0.75
    numbers = trained_on_fakes(good, train, test, "y")
    assert numbers.r2 == pytest.approx(numbers.r2_of_reals, abs=0.1)
    assert numbers.r2 > 0.6
    opposite = with_values(good, y=-good.values["y"])
    assert trained_on_fakes(opposite, train, test, "y").r2 < 0


def test_scores_are_scikit_learns():
    rng = np.random.default_rng(0)
    expected, chances = rng.integers(0, 3, 60), rng.dirichlet((1, 1, 1), 60)
    predicted = chances.argmax(axis=1)
    assert learned._auc(chances, expected) == pytest.approx(
        roc_auc_score(expected, chances, multi_class="ovr", average="macro")
    )
    assert learned._f1(predicted, expected) == pytest.approx(f1_score(expected, predicted, average="macro"))
    assert learned._r2(chances[:, 0], chances[:, 1]) == pytest.approx(r2_score(chances[:, 1], chances[:, 0]))
    assert np.isnan(learned._auc(chances, np.zeros(60, int)))


def test_rows_of_one_class_teach_nothing_and_new_classes_are_errors_of_the_models(rows):
    train, test, good = rows
    one = with_values(good, kind=np.full(120, 2, np.int32))
    assert trained_on_fakes(one, train, test, "kind").auc == 0.5
    columns = (
        *test.columns[:3],
        dataclasses.replace(test.columns[3], categories=("", "blue", "red", "green")),
    )
    new = Table(columns, {**test.values, "kind": np.where(np.arange(120) < 20, 3, test.values["kind"])})
    result = trained_on_fakes(good, train, new, "kind")
    assert 0.5 < result.auc < trained_on_fakes(good, train, test, "kind").auc


def test_rows_are_told_apart_where_they_differ(rows):
    train, test, good = rows
    assert detection(test, good).auc == pytest.approx(0.5, abs=0.12)
    assert detection(test, independent(train, 120, seed=0)).auc > 0.75
    far = detection(test, with_values(good, x=good.values["x"] + 9))
    assert far.auc > 0.99
    assert far.compared == 120


def test_mistakes_are_one_sentence(rows):
    train, test, good = rows
    with pytest.raises(UserError, match="`target` is one of the columns x, y, count, kind, got z"):
        trained_on_fakes(good, train, test, "z")
    with pytest.raises(UserError, match="`target` kind is missing in all rows of small"):
        trained_on_fakes(good, train, with_values(test, kind=np.zeros(120, np.int32)), "kind")
    alone = Table((Column("x", "numeric"),), {"x": np.arange(20.0)})
    with pytest.raises(UserError, match="the only column"):
        trained_on_fakes(alone, alone, alone, "x")
    with pytest.raises(UserError, match="at least 6 of each kind, got 5"):
        detection(test, good.take(slice(5)))
