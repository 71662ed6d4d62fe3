"""The prior: its draws, its blocks, and what lies between two latents."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import sampling
from jaxgan.prior import Prior, draw_rows, normal

PRIOR = Prior((("normal", 3), ("one_hot", 4), ("uniform", 2), ("one_hot", 2)))
KEY = jax.random.key(0)


def test_draws_have_the_blocks_distributions():
    noise, category, code, other = (np.asarray(x) for x in PRIOR.split(draw_rows(PRIOR, KEY, 4000)))
    assert [x.shape[1] for x in (noise, category, code, other)] == [3, 4, 2, 2]
    np.testing.assert_allclose((noise.mean(), noise.std()), (0, 1), atol=0.03)
    assert set(np.unique(category)) == {0, 1}
    np.testing.assert_array_equal(category.sum(axis=1), 1)
    np.testing.assert_allclose(category.mean(axis=0), 0.25, atol=0.03)
    assert code.min() >= -1
    assert code.max() < 1
    np.testing.assert_allclose((code.mean(), code.std()), (0, 3**-0.5), atol=0.03)
    together = np.corrcoef(np.hstack([noise, category[:, :3], code, other[:, :1]]).T)
    assert np.abs(together - np.eye(9))[np.ix_([0, 1, 2, 6, 7, 8], range(9))].max() < 0.06


def test_a_latent_depends_on_its_own_key_only():
    np.testing.assert_array_equal(draw_rows(PRIOR, KEY, 7)[3], PRIOR.draw(jax.random.fold_in(KEY, 3)))
    np.testing.assert_array_equal(normal(5).draw(KEY), jax.random.normal(KEY, (5,)))
    np.testing.assert_array_equal(draw_rows(normal(5), KEY, 4), sampling.draw_latents(KEY, 4, 5))


def test_between_is_the_sphere_for_noise_and_a_line_for_codes():
    start, end = draw_rows(PRIOR, KEY, 2)[:1], draw_rows(PRIOR, jax.random.key(1), 1)
    half = PRIOR.split(PRIOR.between(start, end, 0.5))
    np.testing.assert_allclose(half[0], sampling.slerp(start[:, :3], end[:, :3], 0.5), rtol=1e-6)
    np.testing.assert_allclose(half[2], (start[:, 7:9] + end[:, 7:9]) / 2, rtol=1e-6)
    np.testing.assert_allclose(PRIOR.between(start, end, 0.0), start, atol=1e-6)


def test_a_prior_is_plain_data():
    assert Prior(json.loads(json.dumps(PRIOR.as_json()))) == PRIOR
    assert PRIOR.size == 11


@pytest.mark.parametrize(
    ("blocks", "sentence"),
    [
        ((), "at least one block"),
        ((("normal", 0),), "at least length 1, got 0"),
        ((("one_hot", 1),), "at least length 2, got 1"),
        ((("gaussian", 3),), "normal, uniform, one_hot, gumbel, got 'gaussian'"),
        ((("normal", 2.5),), "at least length 1, got 2.5"),
    ],
)
def test_what_is_no_prior_is_refused(blocks, sentence):
    with pytest.raises(ValueError, match=sentence):
        Prior(blocks)


def test_latents_of_another_prior_are_refused():
    with pytest.raises(ValueError, match="have length 11, got 9"):
        PRIOR.split(jnp.zeros((2, 9)))
