import pydoc
import subprocess
import sys
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P
from jax.test_util import check_grads
from scipy.special import expit, log_expit

from jaxgan import losses

REAL = np.array([-3.0, -0.5, 0.0, 0.7, 4.0])
FAKE = np.array([2.0, -0.3, 0.0, -6.0, 1.1])
R, F = REAL - FAKE.mean(), FAKE - REAL.mean()  # each against the mean of the other kind


def relu(x):
    return np.maximum(0, x)


def tanh_half(x):
    return expit(2 * x) - 0.5


class Case(NamedTuple):
    """A loss, and its values at REAL and FAKE as a paper's formula gives them in float64."""

    loss: losses.Loss
    discriminator: np.ndarray
    generator: np.ndarray


# Log D and log(1 - D) by SciPy. An f-divergence is -(T(real) - f*(T(fake))), with f* from the paper's table of
# conjugates and T from that of activations (Nowozin 2016, tables 2 and 6).
CASES = {
    "minimax": Case(losses.minimax, -(log_expit(REAL) + log_expit(-FAKE)), log_expit(-FAKE)),
    "non_saturating": Case(losses.non_saturating, -(log_expit(REAL) + log_expit(-FAKE)), -log_expit(FAKE)),
    "least_squares": Case(losses.least_squares, ((REAL - 1) ** 2 + FAKE**2) / 2, (FAKE - 1) ** 2 / 2),
    "least_squares_abc": Case(
        losses.least_squares_abc(a=-1.0, b=1.0, c=0.0), ((REAL - 1) ** 2 + (FAKE + 1) ** 2) / 2, FAKE**2 / 2
    ),
    "wasserstein": Case(losses.wasserstein, -(REAL - FAKE), -FAKE),
    "hinge": Case(losses.hinge, -np.minimum(0, REAL - 1) - np.minimum(0, -FAKE - 1), -FAKE),
    "relativistic": Case(losses.relativistic, -log_expit(REAL - FAKE), -log_expit(FAKE - REAL)),
    "relativistic_average": Case(
        losses.relativistic_average(), -log_expit(R) - log_expit(-F), -log_expit(F) - log_expit(-R)
    ),
    "relativistic_average_least_squares": Case(
        losses.relativistic_average(form="least_squares"),
        (R - 1) ** 2 + (F + 1) ** 2,
        (F - 1) ** 2 + (R + 1) ** 2,
    ),
    "relativistic_average_hinge": Case(
        losses.relativistic_average(form="hinge"), relu(1 - R) + relu(1 + F), relu(1 - F) + relu(1 + R)
    ),
    "one_sided_label_smoothing": Case(
        losses.one_sided_label_smoothing(losses.non_saturating, target=0.8),
        -(0.8 * log_expit(REAL) + 0.2 * log_expit(-REAL) + log_expit(-FAKE)),
        -log_expit(FAKE),
    ),
    "one_sided_label_smoothing_hinge": Case(
        losses.one_sided_label_smoothing(losses.hinge, target=0.8),
        0.8 * relu(1 - REAL) + 0.2 * relu(1 + REAL) + relu(1 + FAKE),
        -FAKE,
    ),
    "f_divergence_kl": Case(losses.f_divergence("kl"), np.exp(FAKE - 1) - REAL, -np.exp(FAKE - 1)),
    "f_divergence_kl_non_saturating": Case(
        losses.f_divergence("kl", generator="non_saturating"), np.exp(FAKE - 1) - REAL, -FAKE
    ),
    "f_divergence_reverse_kl": Case(
        losses.f_divergence("reverse_kl"),
        -1 - np.log(np.exp(-FAKE)) + np.exp(-REAL),
        1 + np.log(np.exp(-FAKE)),
    ),
    "f_divergence_pearson": Case(
        losses.f_divergence("pearson"), FAKE**2 / 4 + FAKE - REAL, -(FAKE**2) / 4 - FAKE
    ),
    "f_divergence_squared_hellinger": Case(
        losses.f_divergence("squared_hellinger"),
        (1 - np.exp(-FAKE)) / np.exp(-FAKE) - (1 - np.exp(-REAL)),
        -(1 - np.exp(-FAKE)) / np.exp(-FAKE),
    ),
    "f_divergence_jensen_shannon": Case(
        losses.f_divergence("jensen_shannon"),
        -np.log(2 - 2 * expit(FAKE)) - np.log(2 * expit(REAL)),
        np.log(2 - 2 * expit(FAKE)),
    ),
    "f_divergence_total_variation": Case(
        losses.f_divergence("total_variation"), tanh_half(FAKE) - tanh_half(REAL), -tanh_half(FAKE)
    ),
}
EXPONENTIAL = [
    name for name in CASES if name.startswith(("f_divergence_kl", "f_divergence_reverse", "f_divergence_sq"))
]
NO_LOSS = {"DIVERGENCES", "Loss"}
of_each_loss = pytest.mark.parametrize(
    "loss", [pytest.param(case.loss, id=name) for name, case in CASES.items()]
)


def test_every_public_loss_factory_and_divergence_is_a_case():
    for name in set(losses.__all__) - NO_LOSS:
        assert any(case.startswith(name) for case in CASES), name
    assert {f"f_divergence_{name}" for name in losses.DIVERGENCES} <= set(CASES)


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_papers(name, jit):
    loss, *expected = CASES[name]
    with jax.enable_x64(True):
        real, fake = jnp.asarray(REAL), jnp.asarray(FAKE)
        values = [(jax.jit(player) if jit else player)(real, fake) for player in loss]
    for value, formula in zip(values, expected, strict=True):
        assert value.dtype == np.float64
        np.testing.assert_allclose(value, formula, rtol=1e-12, atol=1e-15)


@of_each_loss
def test_a_loss_is_a_documented_pair_that_help_shows(loss):
    assert isinstance(loss, losses.Loss)
    assert loss._fields == ("discriminator", "generator")
    assert loss.__doc__ != losses.Loss.__doc__
    assert loss.__doc__.split("\n")[0] in pydoc.plain(pydoc.render_doc(loss))
    assert [player.__name__ for player in loss] == [f"{loss.__name__}_{side}" for side in loss._fields]
    assert hash(loss) == hash(losses.Loss(*loss))


def test_a_loss_of_ones_own_is_a_plain_pair():
    own = losses.Loss(lambda real, fake: fake - real, lambda real, fake: -fake)
    assert own.discriminator(1.0, 3.0) == 2
    assert isinstance(own, losses.Loss)
    assert not own.smoothable


@of_each_loss
def test_gradients_by_finite_differences(loss):
    with jax.enable_x64(True):
        for player in loss:
            value = lambda real, fake: player(jnp.asarray(real), jnp.asarray(fake))
            check_grads(value, (REAL, FAKE + 0.01), order=2, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in CASES if name not in EXPONENTIAL])
@pytest.mark.parametrize("logit", [1e4, -1e4])
def test_extreme_logits_stay_finite(name, logit):
    logits = jnp.full(3, logit, jnp.float32)
    for player in CASES[name].loss:
        for real, fake in ((logits, logits), (logits, -logits)):
            value, gradients = jax.value_and_grad(lambda r, f: player(r, f).mean(), (0, 1))(real, fake)
            chex.assert_tree_all_finite((value, gradients))


@pytest.mark.parametrize("name", EXPONENTIAL)
def test_exponential_divergences_stay_finite_up_to_logits_of_80(name):
    for logit in (80.0, -80.0):
        logits = jnp.full(3, logit, jnp.float32)
        for player in CASES[name].loss:
            both = jax.value_and_grad(lambda r, f: player(r, f).mean(), (0, 1))(logits, logits)
            chex.assert_tree_all_finite(both)


@pytest.mark.parametrize("name", CASES)
def test_each_player_pulls_its_own_way(name):
    """The slip of the founding text's sample code: a discriminator loss with a wrong sign."""
    real, fake = jnp.full(4, -0.1), jnp.full(4, -0.1)
    loss = CASES[name].loss
    by_real, by_fake = jax.grad(lambda r, f: loss.discriminator(r, f).mean(), (0, 1))(real, fake)
    assert (by_real < 0).all(), "descending must raise the logits of real images"
    if name == "least_squares":  # its target for fakes is 0
        assert (by_fake < 0).all()
    else:
        assert (by_fake > 0).all(), "descending must lower the logits of fakes"
    assert (jax.grad(lambda f: loss.generator(real, f).mean())(fake) < 0).all()


def test_minimax_saturates_and_non_saturating_does_not():
    sure = jnp.array([-10.0])  # the discriminator is sure that this is a fake
    slope = {
        name: jax.grad(lambda f: CASES[name].loss.generator(sure, f).sum())(sure)
        for name in ("minimax", "non_saturating")
    }
    np.testing.assert_allclose(slope["minimax"], -np.exp(-10) / (1 + np.exp(-10)), rtol=1e-5)
    np.testing.assert_allclose(slope["non_saturating"], -1, rtol=1e-4)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 1), (4, 1)), ((4,), (3,))])
def test_shapes_that_would_broadcast_are_refused_at_trace_time(name, shapes):
    for player in CASES[name].loss:
        with pytest.raises(ValueError, match=r"logits") as caught:
            jax.eval_shape(player, *map(jnp.zeros, shapes))
        assert all(str(shape) in str(caught.value) for shape in shapes)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("relativistic_average")])
def test_losses_work_under_vmap(name):
    real, fake = jnp.asarray(REAL, jnp.float32), jnp.asarray(FAKE, jnp.float32)
    for player in CASES[name].loss:
        np.testing.assert_allclose(jax.vmap(player)(real, fake), player(real, fake), rtol=1e-5)


@pytest.mark.parametrize("form", ["standard", "least_squares", "hinge"])
def test_relativistic_average_over_a_mapped_axis_is_that_of_the_whole_batch(form):
    """Values and gradients; the mean over the axis couples the examples of all devices."""
    real, fake = jax.random.normal(jax.random.key(0), (2, 8))
    whole = losses.relativistic_average(form=form)
    shared = losses.relativistic_average(form=form, axis_name="batch")
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    for one, many in zip(whole, shared, strict=True):
        spread = jax.jit(jax.shard_map(many, mesh=mesh, in_specs=P("batch"), out_specs=P("batch")))
        np.testing.assert_allclose(spread(real, fake), one(real, fake), rtol=1e-5)
        # Outside the mapped function the derivative is that of the whole program.
        gradients = jax.grad(lambda r, f: spread(r, f).mean(), (0, 1))(real, fake)
        expected = jax.grad(lambda r, f: one(r, f).mean(), (0, 1))(real, fake)
        chex.assert_trees_all_close(gradients, expected, rtol=1e-5, atol=1e-7)
    alone = jax.jit(jax.shard_map(whole.discriminator, mesh=mesh, in_specs=P("batch"), out_specs=P("batch")))
    assert not np.allclose(alone(real, fake), whole.discriminator(real, fake))


def test_relativistic_average_of_a_scalar_is_refused():
    with pytest.raises(ValueError, match=r"\[B\]"):
        jax.vmap(losses.relativistic_average().discriminator)(jnp.zeros(3), jnp.zeros(3))


def test_relativistic_losses_see_only_differences():
    real, fake = jnp.asarray(REAL, jnp.float32), jnp.asarray(FAKE, jnp.float32)
    for name in (name for name in CASES if name.startswith("relativistic")):
        for player in CASES[name].loss:
            np.testing.assert_allclose(player(real + 3, fake + 3), player(real, fake), rtol=1e-4, atol=1e-5)


def test_least_squares_holds_in_half_precision_what_that_can_hold():
    real, fake = jnp.zeros(1, jnp.float16), jnp.full(1, -300, jnp.float16)
    np.testing.assert_allclose(losses.least_squares.generator(real, fake), [45300.5], rtol=1e-3)
    np.testing.assert_allclose(losses.least_squares.discriminator(real, fake), [45000.5], rtol=1e-3)


def test_label_smoothing_moves_the_best_logit_to_that_of_the_target():
    smoothed = losses.one_sided_label_smoothing(losses.minimax, target=0.9)
    best = jnp.array([np.log(0.9 / 0.1)])  # sigmoid(best) = 0.9
    slope = jax.grad(lambda real: smoothed.discriminator(real, jnp.zeros(1)).sum())
    np.testing.assert_allclose(slope(best), 0, atol=1e-6)
    lsgan = losses.one_sided_label_smoothing(losses.least_squares, target=0.9)
    moved = losses.least_squares_abc(a=0, b=0.9, c=1)
    real, fake = jnp.asarray(REAL, jnp.float32), jnp.asarray(FAKE, jnp.float32)
    for loss in (lsgan, moved):
        gradients = jax.grad(lambda r, f: loss.discriminator(r, f).sum(), (0, 1))(real, fake)
        np.testing.assert_allclose(gradients[0], REAL - 0.9, rtol=1e-5)
        np.testing.assert_allclose(gradients[1], FAKE, rtol=1e-5, atol=1e-6)
    untouched = losses.one_sided_label_smoothing(losses.hinge, target=1.0)
    np.testing.assert_allclose(
        untouched.discriminator(real, fake), losses.hinge.discriminator(real, fake), rtol=1e-6
    )


def test_label_smoothing_composes_inside_a_compiled_function():
    @jax.jit
    def value(real, fake):
        return losses.one_sided_label_smoothing(losses.minimax, target=0.8).discriminator(real, fake)

    name = "one_sided_label_smoothing"
    with jax.enable_x64(True):
        values = value(jnp.asarray(REAL), jnp.asarray(FAKE))
    np.testing.assert_allclose(values, CASES[name].discriminator, rtol=1e-12)


def test_unknown_names_and_impossible_targets_are_refused():
    with pytest.raises(ValueError, match=r"kl, reverse_kl"):
        losses.f_divergence("js")
    with pytest.raises(ValueError, match=r"minimax or non_saturating"):
        losses.f_divergence("kl", generator="saturating")
    with pytest.raises(ValueError, match=r"standard, least_squares, hinge"):
        losses.relativistic_average(form="ls")
    for target in (0.5, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"above 0\.5"):
            losses.one_sided_label_smoothing(losses.minimax, target=target)


def relativistic_hinge(real, fake):
    return jax.nn.relu(1 - (real - fake))


@pytest.mark.parametrize(
    "loss",
    [
        losses.wasserstein,
        losses.relativistic,
        losses.relativistic_average(),
        losses.relativistic_average(axis_name="a"),
        losses.Loss(relativistic_hinge, lambda real, fake: relativistic_hinge(fake, real)),
    ],
)
def test_what_has_no_labels_is_not_smoothed(loss):
    with pytest.raises(
        ValueError, match=rf"smoothable is True, not {getattr(loss, '__name__', 'a loss of your own')}$"
    ):
        losses.one_sided_label_smoothing(loss)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].loss.smoothable])
def test_what_is_smoothable_is_a_sum_of_two_terms_and_bounded_below_when_smoothed(name):
    """The attribute says of a loss what its numbers say: no mixed difference, and a minimum."""
    loss = CASES[name].loss
    with jax.enable_x64(True):
        logits = jnp.linspace(-30.0, 30.0, 61)
        values = loss.discriminator(jnp.repeat(logits, 61), jnp.tile(logits, 61)).reshape(61, 61)
        mixed = values - values[:1] - values[:, :1] + values[:1, :1]
        np.testing.assert_allclose(mixed / jnp.abs(values).max(), 0, atol=1e-12)
        far = jnp.array([-600.0, 600.0])
        assert (losses.one_sided_label_smoothing(loss).discriminator(far, far) > -1).all()


def test_columns_of_logits_are_told_how_to_become_vectors():
    column, vector = jnp.zeros((4, 1)), jnp.zeros(4)
    for pair in ((column, column), (column, vector), (vector, column)):
        with pytest.raises(ValueError, match=r"squeeze the last axis, logits\[:, 0\]"):
            losses.hinge.discriminator(*pair)


@pytest.mark.slow
def test_logits_that_are_no_arrays_are_refused_in_a_sentence():
    """In a process of its own: the tests' type checks would speak first."""
    calls = "for logits in (1.0, None, [1.0, 2.0]):\n  try: losses.hinge.generator(logits, logits)\n"
    program = f"from jaxgan import losses\n{calls}  except ValueError as error: print(error)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        f"a loss takes arrays of logits [B], got {got}" for got in ("1.0", "None", "[1.0, 2.0]")
    ]
