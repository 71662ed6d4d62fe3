"""Losses and penalties in games whose outcome is known: nothing here comes from our own formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from choosing import each_once, slow_pairs_but
from jaxgan import losses, penalties
from jaxgan.diagnostics import dynamics
from jaxgan.networks import mlp

# The Dirac-GAN (Mescheder 2018, definition 2.1): the data are one point at 0, the generator makes one point at
# theta, the discriminator is x -> psi x; the equilibrium is theta = psi = 0. By hand, for each loss at zero
# logits: the slope a of the discriminator's loss by the fake logit, -b of the generator's, and the
# discriminator's curvature by its real plus that by its fake logit.
DIRAC = {
    "minimax": (losses.minimax, 1 / 2, 1 / 2, 1 / 2),
    "non_saturating": (losses.non_saturating, 1 / 2, 1 / 2, 1 / 2),
    "wasserstein": (losses.wasserstein, 1, 1, 0),
    "hinge": (losses.hinge, 1, 1, 0),
    "least_squares": (losses.least_squares, 0, 1, 2),
    "least_squares_abc": (losses.least_squares_abc(a=-1, b=1, c=1), 1, 1, 2),
    "relativistic": (losses.relativistic, 1 / 2, 1 / 2, 1 / 2),
    "kl": (losses.f_divergence("kl"), np.exp(-1), np.exp(-1), np.exp(-1)),
    "reverse_kl": (losses.f_divergence("reverse_kl"), 1, 1, 1),
    "pearson": (losses.f_divergence("pearson"), 1, 1, 1 / 2),
    "squared_hellinger": (losses.f_divergence("squared_hellinger"), 1, 1, 2),
    "jensen_shannon": (losses.f_divergence("jensen_shannon"), 1 / 2, 1 / 2, 1 / 2),
    "total_variation": (losses.f_divergence("total_variation"), 1 / 2, 1 / 2, 0),
}
GAMMA, NOISE = 0.7, 0.3
CURES = ["none", "r1", "r2", "r1_r2", "instance noise"]


def dirac_field(loss, penalty=None, noise=0.0):
    """Both players' descent directions; noise on the points is integrated exactly, by Gauss and Hermite."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    weights = weights / weights.sum()
    real = noise * jnp.asarray(np.repeat(nodes, 9))
    shift = noise * jnp.asarray(np.tile(nodes, 9))
    chance = jnp.asarray(np.outer(weights, weights).ravel())
    keys = jax.random.split(jax.random.key(0), 81)

    def discriminator(psi, theta):
        critic = lambda x: psi * x
        value = loss.discriminator(critic(real), critic(theta + shift))
        if penalty is not None:
            value += penalty(critic, real, theta + shift, keys=keys)
        return value @ chance

    def generator(theta, psi):
        return loss.generator(psi * real, psi * (theta + shift)) @ chance

    def field(players):
        theta, psi = players
        return jnp.stack([-jax.grad(generator)(theta, psi), -jax.grad(discriminator)(psi, theta)])

    return field


def eigenvalues(field):
    with jax.enable_x64(True):
        return dynamics.eigenvalues(field, jnp.zeros(2))


@pytest.mark.parametrize(("name", "cure"), slow_pairs_but(each_once(DIRAC, CURES), DIRAC, CURES))
def test_dirac_gan_eigenvalues_are_those_of_the_paper(name, cure):
    """Of [[0, b], [-a, -damping]]: on the imaginary axis without a cure, in the left half-plane with one."""
    loss, a, b, curvature = DIRAC[name]
    damping = {
        "none": 0,
        "r1": GAMMA,
        "r2": GAMMA,
        "r1_r2": 2 * GAMMA,
        "instance noise": NOISE**2 * curvature,
    }[cure]
    with jax.enable_x64(True):
        penalty = getattr(penalties, cure)(gamma=GAMMA) if cure.startswith("r") else None
        got = eigenvalues(dirac_field(loss, penalty, NOISE if cure == "instance noise" else 0.0))
    root = np.sqrt(complex(damping**2 / 4 - a * b))
    expected = np.array([-damping / 2 + root, -damping / 2 - root])
    np.testing.assert_allclose(np.sort_complex(got), np.sort_complex(expected), atol=1e-7)


def play(field, steps=20_000, rate=0.05):
    """Small simultaneous steps from theta = 1, psi = 0; return the distance from the equilibrium on the way."""

    def move(players, _):
        players = players + rate * field(players)
        return players, jnp.linalg.norm(players)

    with jax.enable_x64(True):
        return np.asarray(
            jax.jit(lambda start: jax.lax.scan(move, start, None, steps)[1])(jnp.array([1.0, 0.0]))
        )


def test_on_the_dirac_gan_r1_converges_and_wgan_gp_does_not():
    """Mescheder 2018, sections 3 and 4.1, figure 3."""
    r1 = play(dirac_field(losses.wasserstein, penalties.r1(gamma=0.5)))
    assert r1[-1] < 1e-6
    gp = play(dirac_field(losses.wasserstein, penalties.gradient_penalty(weight=0.5)))
    assert gp[len(gp) // 2 :].max() > 0.1
    plain = play(dirac_field(losses.wasserstein), steps=200)
    assert plain[-1] > plain[0] > 1, "simultaneous steps spiral outwards"


REAL, FAKE = norm(0, 1), norm(0.8, 1.2)  # 1-D Gaussians; the real one is narrower, or p^2 / q has no integral
GENERATING = {  # f of Nowozin 2016, table 1: D_f is the integral of q f(p / q)
    "kl": lambda u: u * np.log(u),
    "reverse_kl": lambda u: -np.log(u),
    "pearson": lambda u: (u - 1) ** 2,
    "squared_hellinger": lambda u: (np.sqrt(u) - 1) ** 2,
    "jensen_shannon": lambda u: -(u + 1) * np.log((1 + u) / 2) + u * np.log(u),
    "total_variation": lambda u: np.abs(u - 1) / 2,
}


def test_the_divergences_are_known_in_closed_form():
    """The integrals themselves, against the formula for two normal distributions."""
    s, m = 1.2, 0.8
    kl = np.log(s) + (1 + m**2) / (2 * s**2) - 0.5
    reverse = -np.log(s) + (s**2 + m**2) / 2 - 0.5
    hellinger = 2 - 2 * np.sqrt(2 * s / (1 + s**2)) * np.exp(-(m**2) / (4 * (1 + s**2)))
    for name, value in {"kl": kl, "reverse_kl": reverse, "squared_hellinger": hellinger}.items():
        np.testing.assert_allclose(divergence(name), value, rtol=1e-6)


def divergence(name):
    return quad(lambda x: FAKE.pdf(x) * GENERATING[name](REAL.pdf(x) / FAKE.pdf(x)), -9, 9, limit=200)[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", losses.DIVERGENCES)
def test_a_trained_discriminator_measures_its_divergence(name):
    """Only the discriminator learns; the expectations are sums over a fine line."""
    line = np.linspace(-7, 7, 701)
    p, q = (jnp.asarray(each.pdf(line) / each.pdf(line).sum(), jnp.float32) for each in (REAL, FAKE))
    points = jnp.asarray(line[:, None], jnp.float32)
    loss, network = losses.f_divergence(name), mlp.Discriminator((48, 48))
    steps = 1500
    tx = optax.adam(optax.cosine_decay_schedule(1e-2, steps))

    def value(params):
        logits = network.apply(params, points, train=True)
        zeros = jnp.zeros_like(logits)
        # a sum of a real and a fake term, each with its own density
        constant = loss.discriminator(zeros[:1], zeros[:1])[0]
        return p @ loss.discriminator(logits, zeros) + q @ loss.discriminator(zeros, logits) - constant

    def update(carry, _):
        params, state = carry
        updates, state = tx.update(jax.grad(value)(params), state)
        return (optax.apply_updates(params, updates), state), None

    @jax.jit
    def train(params):
        return value(jax.lax.scan(update, (params, tx.init(params)), None, steps)[0][0])

    estimate = -train(network.init(jax.random.key(0), points, train=True))
    np.testing.assert_allclose(estimate, divergence(name), rtol=0.02)


def test_the_best_linear_wgan_gp_critic_is_known_in_closed_form():
    """It maximises w (mean real - mean fake) - lambda (|w| - 1)^2: |w| = 1 + |difference| / (2 lambda)."""
    weight = 2.0
    real = jax.random.normal(jax.random.key(0), (64, 3)) + jnp.array([[1.0, -2.0, 0.5]])
    fake = jax.random.normal(jax.random.key(1), (64, 3))
    keys, penalty = jax.random.split(jax.random.key(2), 64), penalties.gradient_penalty(weight=weight)

    def value(w):
        critic = lambda x: x @ w
        adversarial = losses.wasserstein.discriminator(critic(real), critic(fake))
        return (adversarial + penalty(critic, real, fake, keys=keys)).mean()

    best = jax.lax.fori_loop(0, 500, lambda _, w: w - 0.05 * jax.grad(value)(w), jnp.array([0.1, 0.1, 0.1]))
    difference = np.asarray(real.mean(0) - fake.mean(0))
    length = np.linalg.norm(difference)
    np.testing.assert_allclose(best, (1 + length / (2 * weight)) * difference / length, rtol=1e-4)


def test_the_best_linear_critic_under_r1_is_known_in_closed_form():
    """It maximises w difference - gamma / 2 |w|^2: w is the difference over gamma."""
    real = jax.random.normal(jax.random.key(0), (64, 3)) + 1
    fake = jax.random.normal(jax.random.key(1), (64, 3))

    def value(w):
        critic = lambda x: x @ w
        adversarial = losses.wasserstein.discriminator(critic(real), critic(fake))
        return (adversarial + penalties.r1(gamma=4.0)(critic, real, fake)).mean()

    best = jax.lax.fori_loop(0, 200, lambda _, w: w - 0.1 * jax.grad(value)(w), jnp.zeros(3))
    np.testing.assert_allclose(best, (real.mean(0) - fake.mean(0)) / 4, rtol=1e-4)
