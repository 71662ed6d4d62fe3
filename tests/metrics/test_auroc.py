"""The area under the curve: scikit-learn's value, pairs by hand, and the spread of many draws."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from jaxgan.metrics import auroc


@pytest.mark.parametrize("decimals", [8, 1, 0])
def test_scikit_learn_and_all_pairs_agree(decimals):
    rng = np.random.default_rng(3)
    flags = rng.random(150) < 0.3
    scores = np.round(rng.standard_normal(150) + flags, decimals)  # with few decimals there are ties
    result = auroc(scores, flags)
    assert result.value == pytest.approx(roc_auc_score(flags, scores), abs=1e-12)
    differences = scores[flags][:, None] - scores[~flags]
    assert result.value == pytest.approx(
        (differences > 0).mean() + 0.5 * (differences == 0).mean(), abs=1e-12
    )
    assert (result.positives, result.negatives) == (flags.sum(), (~flags).sum())
    assert auroc(-scores, flags).value == pytest.approx(1 - result.value)
    assert auroc(scores, flags.astype(int)) == result


def test_the_standard_error_is_the_spread_of_many_draws():
    rng = np.random.default_rng(0)
    flags = np.arange(120) < 40
    results = [
        auroc(rng.exponential(1 + 1.5 * flags), flags) for _ in range(400)
    ]  # of exponentials, it is exact
    assert np.std([result.value for result in results]) == pytest.approx(results[0].standard_error, rel=0.2)


def test_known_cases():
    assert auroc([1, 2, 3, 4], [0, 0, 1, 1]).value == 1
    assert auroc([1, 2, 3, 4], [1, 1, 0, 0]).value == 0
    assert auroc([7, 7, 7], [True, False, True]).value == 0.5
    assert auroc([np.inf, 1.0], [1, 0]).value == 1


@pytest.mark.parametrize(
    ("scores", "flags", "sentence"),
    [
        ([1.0, np.nan], [0, 1], "1 of 2 scores are NaN"),
        ([1.0, 2.0], [1, 1], "2 positive and 0 negative examples: both are needed"),
        ([1.0, 2.0], [0, 2], "True and False, or 1 and 0"),
        ([1.0, 2.0], [0], r"a score and a flag, got \[2\] and \[1\]"),
        ([[1.0, 2.0]], [[0, 1]], r"got \[1, 2\] and \[1, 2\]"),
    ],
)
def test_what_cannot_be_ranked_is_one_sentence(scores, flags, sentence):
    with pytest.raises(ValueError, match=sentence):
        auroc(scores, flags)
