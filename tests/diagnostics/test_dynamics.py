"""Vector fields, their Jacobians and eigenvalues, in games that one can solve by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from dirac_gan import Discriminator, Generator
from jaxgan import losses, penalties, updates
from jaxgan.diagnostics import dynamics
from jaxgan.games import Game, Turn
from jaxgan.networks import mlp
from jaxgan.state import init_state


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def linear_quadratic(n=3, m=4, seed=0):
    """x minimises x'Ax/2 + x'By, y minimises y'Cy/2 - x'By; return the field and its matrix, by hand."""
    rng = np.random.default_rng(seed)
    a, b, c = (rng.standard_normal(shape) for shape in ((n, n), (n, m), (m, m)))
    a, c = a @ a.T + np.eye(n), c @ c.T + np.eye(m)

    def field(players):
        x, y = players["x"], players["y"]
        return {"x": -(jnp.asarray(a) @ x + jnp.asarray(b) @ y), "y": -(jnp.asarray(c) @ y - b.T @ x)}

    return field, {"x": jnp.zeros(n), "y": jnp.zeros(m)}, np.block([[-a, -b], [b.T, -c]])


def as_set(values):
    return np.sort_complex(np.round(np.asarray(values), 12))


def test_the_linear_quadratic_game_is_its_matrix(double):
    field, params, matrix = linear_quadratic()
    np.testing.assert_allclose(dynamics.jacobian(field, params), matrix, atol=1e-12)
    spectrum = dynamics.eigenvalues(field, params)
    np.testing.assert_allclose(as_set(spectrum), as_set(np.linalg.eigvals(matrix)), atol=1e-6)
    assert (np.diff(spectrum.real) <= 0).all()


def test_the_operator_is_the_matrix_both_ways(double):
    field, params, matrix = linear_quadratic()
    product = dynamics.operator(field, params)
    vector = np.arange(7.0)
    np.testing.assert_allclose(product @ vector, matrix @ vector, atol=1e-12)
    np.testing.assert_allclose(product.rmatvec(vector), matrix.T @ vector, atol=1e-12)
    np.testing.assert_allclose(product @ np.eye(7), matrix, atol=1e-12)


def test_leading_eigenvalues_of_a_larger_game_are_those_of_its_matrix(double, monkeypatch):
    monkeypatch.setattr(dynamics, "DENSE", 64)
    field, params, matrix = linear_quadratic(60, 70)
    exact = np.linalg.eigvals(matrix)
    spectrum = dynamics.eigenvalues(field, params, count=4)
    assert 8 <= len(spectrum) + 1 <= 16  # a conjugate pair may be cut
    distance = np.abs(spectrum[:, None] - exact[None]).min(axis=1)
    assert distance.max() < 1e-6
    np.testing.assert_allclose(spectrum[0].real, exact.real.max(), atol=1e-6)
    np.testing.assert_allclose(np.abs(spectrum).max(), np.abs(exact).max(), atol=1e-6)


def test_a_fast_rotation_between_real_eigenvalues_is_found(double, monkeypatch):
    monkeypatch.setattr(dynamics, "DENSE", 64)
    """As R1 makes them: slow and fast decay, and between the two what bounds the step size."""
    decay = -np.concatenate([np.linspace(0.001, 0.03, 30), np.linspace(6, 12, 40)])
    matrix = np.zeros((72, 72))
    matrix[2:, 2:] = np.diag(decay)
    matrix[:2, :2] = [[-0.5, 5], [-5, -0.5]]
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(72, 72)))
    matrix = basis @ matrix @ basis.T
    spectrum = dynamics.eigenvalues(lambda x: jnp.asarray(matrix) @ x, jnp.zeros(72))
    verdict = dynamics.verdict(spectrum)
    assert verdict.kind == "stable"
    np.testing.assert_allclose(
        verdict.step_size, dynamics.step_size_bound(np.linalg.eigvals(matrix)), rtol=1e-6
    )
    np.testing.assert_allclose(verdict.rotation, 10, rtol=1e-6)


@pytest.mark.parametrize("dense", [64, 1024])
@pytest.mark.parametrize("seed", [0, 2])
def test_slow_growth_beside_fast_rotation_is_found(dense, seed, monkeypatch):
    """A bilinear game with one player damped and one pushed, against LAPACK; ARPACK's own basis misses it."""
    monkeypatch.setattr(dynamics, "DENSE", dense)
    coupling = np.random.default_rng(seed).normal(size=(100, 100)) / 10
    matrix = np.block([[-0.05 * np.eye(100), -coupling], [coupling.T, 0.002 * np.eye(100)]])
    expected = dynamics.verdict(np.linalg.eigvals(matrix))
    assert expected.kind == {0: "unstable", 2: "stable"}[seed]
    weights = jnp.asarray(matrix, jnp.float32)
    verdict = dynamics.verdict(dynamics.eigenvalues(lambda x: weights @ x, jnp.zeros(200), steps=200))
    assert verdict.kind == expected.kind
    np.testing.assert_allclose(verdict.largest_real, expected.largest_real, rtol=0.01)


def test_the_step_size_bound_is_where_the_linear_quadratic_game_turns_over(double):
    _, _, matrix = linear_quadratic()
    bound = dynamics.step_size_bound(np.linalg.eigvals(matrix))
    radius = lambda h: np.abs(np.linalg.eigvals(np.eye(7) + h * matrix)).max()
    assert radius(0.999999 * bound) < 1 < radius(1.000001 * bound)
    assert dynamics.step_size_bound([1j, -1j]) == dynamics.step_size_bound([0.1 + 1j, -1]) == 0


@pytest.mark.parametrize(
    ("values", "kind", "rotation"),
    [
        ([-1 + 2j, -1 - 2j], "stable", 2),
        ([-1, 0.5], "unstable", 0),
        ([1j, -1j], "rotating", np.inf),
        ([-1e-9 + 1j, -1e-9 - 1j, -1], "rotating", 1e9),
        ([-2 + 1j, -2 - 1j, 0], "stable", 0.5),  # a direction in which nothing changes
    ],
)
def test_verdicts(values, kind, rotation):
    verdict = dynamics.verdict(values)
    assert verdict.kind == kind
    assert str(verdict).startswith(kind)
    np.testing.assert_allclose(verdict.rotation, rotation)
    assert (verdict.step_size > 0) == (kind == "stable")


def make(modules, loss, penalty=None, shape=(1,)):
    tx = optax.sgd(0.1)
    state = init_state(jax.random.key(0), *modules, image_shape=shape, latent_dim=2, g_tx=tx, d_tx=tx)
    state = jax.tree.map(lambda leaf: leaf.astype(float) if leaf.dtype == np.float32 else leaf, state)
    return updates.players(Game(*modules, loss, penalty)), state


def dirac(theta, psi):
    params = {"discriminator": {"psi": jnp.asarray(psi)}, "generator": {"theta": jnp.asarray(theta)}}
    turn = Turn({"image": jnp.zeros((4, 1))}, jax.random.key(1), jax.random.key(2))
    return turn, params


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 5.0])
def test_the_dirac_gan_as_a_gan(double, gamma):
    """Mescheder 2018, lemma 3.1: -gamma/2 plus and minus sqrt(gamma^2/4 - 1/4); the bound by hand."""
    penalty = penalties.r1(gamma=gamma) if gamma else None
    players, state = make((Generator(), Discriminator()), losses.non_saturating, penalty)
    turn, equilibrium = dirac(0.0, 0.0)
    field, params = dynamics.game_field(players, state, turn)
    assert params == {"discriminator": {"psi": 0.5}, "generator": {"theta": 1.0}}
    np.testing.assert_allclose(field(params)["generator"]["theta"], 0.5 / (1 + np.exp(0.5)), rtol=1e-12)
    spectrum = dynamics.eigenvalues(field, equilibrium)
    root = np.sqrt(complex(gamma**2 / 4 - 1 / 4))
    exact = np.array([-gamma / 2 + root, -gamma / 2 - root])
    np.testing.assert_allclose(as_set(spectrum), as_set(exact), atol=1e-6)
    verdict = dynamics.verdict(spectrum)
    assert verdict.kind == ("stable" if gamma else "rotating")
    np.testing.assert_allclose(verdict.step_size, min(-2 * exact.real / np.abs(exact) ** 2), atol=1e-6)


def test_a_networks_jacobian_is_its_finite_differences(double):
    modules = mlp.Generator((2,), (3,), squash=False), mlp.Discriminator((3,))
    players, state = make(modules, losses.relativistic, penalties.r1(gamma=0.5), shape=(2,))
    turn = Turn({"image": jax.random.normal(jax.random.key(3), (6, 2))}, jax.random.key(1), jax.random.key(2))
    field, params = dynamics.game_field(players, state, turn)
    flat, unravel = ravel_pytree(params)
    velocity = jax.jit(lambda flat: ravel_pytree(field(unravel(flat)))[0])
    h = 1e-6
    columns = [(velocity(flat + h * e) - velocity(flat - h * e)) / (2 * h) for e in np.eye(flat.size)]
    np.testing.assert_allclose(dynamics.jacobian(field, params), np.stack(columns, axis=1), atol=1e-8)


def test_the_path_angle_of_attraction_and_of_rotation(double):
    """Berard 2020, section 4.1: a change of sign for attraction, a bump for rotation; here by hand."""
    start, end = {"x": jnp.array([1.0, 0.0])}, {"x": jnp.zeros(2)}
    alphas = np.array([0.5, 0.9, 1.1, 1.5])
    for attraction, turn in ((1.0, 0.0), (0.0, 1.0), (1.0, 2.0)):
        matrix = np.array([[-attraction, -turn], [turn, -attraction]])
        path = dynamics.path_angle(
            lambda p, m=matrix: {"x": jnp.asarray(m) @ p["x"]}, start, end, alphas=alphas
        )
        side = np.array([1, 1, -1, -1])
        length = np.hypot(attraction, turn)
        np.testing.assert_allclose(path.angle, side * attraction / length, atol=1e-12)
        np.testing.assert_allclose(path.norm, length * np.abs(1 - alphas), atol=1e-12)
