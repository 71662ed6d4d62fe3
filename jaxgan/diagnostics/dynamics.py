"""What a game does near a point: its vector field, the field's Jacobian, and its eigenvalues.

Two players who follow their gradients move along a vector field ``x' = v(x)`` of both players' parameters x.
It need not be the gradient of any function, so it can rotate. Near a point where v is zero, the eigenvalues
of its Jacobian J decide what happens: a positive real part leads away from the point, a negative one leads
back, and an imaginary part leads around it. Steps of finite size spiral outwards if the imaginary part is
large against the real part.

For large networks J is never computed: J u is one forward pass through the gradients, J^T u one backward
pass.

    field, params = dynamics.game_field(step.players, state, turn)
    print(dynamics.verdict(dynamics.eigenvalues(field, params, count=6)))

References:
    Mescheder et al. 2017, The Numerics of GANs, https://arxiv.org/abs/1705.10461
    Balduzzi et al. 2018, The Mechanics of n-Player Differentiable Games, https://arxiv.org/abs/1802.05642
    Berard et al. 2020, A Closer Look at the Optimization Landscapes of GANs, https://arxiv.org/abs/1906.04848
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Complex, Float

from jaxgan.state import GANState
from jaxgan.updates import Players, joint_gradients

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator  # slow to import: the functions that use it import it

Field = Callable[[Any], Any]  # parameters of both players -> their velocity, with the same structure
DENSE = 1024  # the largest number of parameters for a dense Jacobian, which takes seconds then
COLUMNS = 64  # columns of a dense Jacobian that are computed at once
BASIS = 60  # the least number of Arnoldi vectors: fewer miss slow growth beside fast rotation


def game_field(players: Players, state: GANState, turn: Any) -> tuple[Field, dict[str, Any]]:
    """Return the vector field of a GAN's simultaneous gradient descent on one batch, and its parameters.

    Args:
        players: those of a step, ``step.players``.
        state: the GAN.
        turn: a batch and its keys, a `jaxgan.games.Turn`; the field is a function of the
            parameters only.

    Returns:
        The field and the present parameters. Parameters and velocities are ``{"discriminator": ...,
        "generator": ...}``.

    References:
        Mescheder et al. 2017, eq. 3.
    """

    def field(params: dict[str, Any]) -> dict[str, Any]:
        moved = {name: getattr(state, name).replace(params=value) for name, value in params.items()}
        joint = joint_gradients(players, state.replace(**moved), turn, turn)
        return optax.tree.scale(-1, joint.gradients)

    return field, {name: getattr(state, name).params for name in ("discriminator", "generator")}


def jacobian(field: Field, params: Any) -> Float[Array, "size size"]:
    """Return the dense Jacobian of a field, for small games.

    Args:
        field: the velocities of the parameters.
        params: the point, n numbers in all.

    Returns:
        ``[n, n]``: row i holds the derivatives of the velocity of parameter i, in the order of
        `ravel_pytree`.
    """
    flat, unravel = ravel_pytree(params)

    def column(direction: jax.Array) -> jax.Array:
        return jax.jvp(lambda flat: ravel_pytree(field(unravel(flat)))[0], (flat,), (direction,))[1]

    return jax.jit(lambda: jax.lax.map(column, jnp.eye(flat.size, dtype=flat.dtype), batch_size=COLUMNS).T)()


def operator(field: Field, params: Any) -> "LinearOperator":
    """Return the Jacobian of a field as SciPy's linear operator.

    Args:
        field: the velocities of the parameters.
        params: the point, n numbers in all.

    Returns:
        ``[n, n]``: ``@`` is a forward pass (jvp) through the field, ``rmatvec`` a backward pass (vjp).
    """
    from scipy.sparse.linalg import LinearOperator

    flat, unravel = ravel_pytree(params)

    def velocity(flat: Any) -> Any:
        return ravel_pytree(field(unravel(flat)))[0]

    push = jax.jit(lambda at, vector: jax.jvp(velocity, (at,), (vector,))[1])
    pull = jax.jit(lambda at, vector: jax.vjp(velocity, at)[1](vector)[0])

    def matvec(x: np.ndarray) -> np.ndarray:
        return np.asarray(push(flat, jnp.asarray(x.reshape(-1), flat.dtype)))

    def rmatvec(x: np.ndarray) -> np.ndarray:
        return np.asarray(pull(flat, jnp.asarray(x.reshape(-1), flat.dtype)))

    make: Any = LinearOperator  # whose annotations know no functions
    return make((flat.size, flat.size), matvec=matvec, rmatvec=rmatvec, dtype=np.dtype(flat.dtype))


def eigenvalues(
    field: Field, params: Any, *, count: int = 6, steps: int = 2000
) -> Complex[np.ndarray, " count"]:
    """Return eigenvalues of a field's Jacobian: all of a small game, the leading ones of a large one.

    Args:
        field: the velocities of the parameters.
        params: the point.
        count: the number of eigenvalues with the largest real part, of those with the largest modulus, and of
            those with the largest imaginary part, >= 1.
        steps: the largest number of Arnoldi steps; eigenvalues that have not converged by then are left out.

    Returns:
        Eigenvalues, the largest real part first; up to ``3 * count`` of them for more than 1,024 parameters.
        A `verdict` on these is then one-sided: "unstable" is certain, "stable" says that no unstable one was
        found (slow growth beside fast rotation is hard to find), and the step size is an upper bound.
    """
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    if size <= DENSE:
        values = np.linalg.eigvals(np.asarray(jacobian(field, params)))
    else:
        product = operator(field, params)
        start = np.random.default_rng(0).standard_normal(size).astype(product.dtype)
        parts = [_arnoldi(product, count, which, start, steps) for which in ("LR", "LM", "LI")]
        values = np.unique(np.concatenate(parts))
    return values[np.argsort(-values.real)].astype(complex)


def _arnoldi(product: "LinearOperator", count: int, which: str, start: np.ndarray, steps: int) -> np.ndarray:
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    try:
        options = {"ncv": min(product.shape[0], max(BASIS, 2 * count + 1)), "maxiter": steps}
        return eigs(product, count, which=which, v0=start, return_eigenvectors=False, **options)
    except ArpackNoConvergence as error:
        return error.eigenvalues


class Verdict(NamedTuple):
    """What the eigenvalues say of a point, printed as one line.

    Attributes:
        kind: "stable" if the field leads back to the point, "unstable" if it leads away, "rotating" if it
            leads neither back nor away within the tolerance.
        largest_real: the largest real part.
        rotation: the largest ratio of imaginary to real part, in absolute values; infinite on a circle.
        step_size: the bound on the step size of simultaneous gradient descent that still converges, or 0.
    """

    kind: str
    largest_real: float
    rotation: float
    step_size: float

    def __str__(self) -> str:
        step = f"steps below {self.step_size:.3g} converge" if self.step_size else "no step size converges"
        parts = f"largest real part {self.largest_real:+.3g}, imaginary/real {self.rotation:.3g}"
        return f"{self.kind}: {parts}, {step}"


def verdict(eigenvalues: Any, *, tolerance: float = 1e-4) -> Verdict:
    """Return the verdict of eigenvalues on a point where the field is zero.

    Args:
        eigenvalues: complex ``[n]``, n >= 1.
        tolerance: real parts up to this share of the largest modulus count as zero. Eigenvalues of at most
            this size (directions in which nothing changes) are left out.

    Returns:
        The `Verdict`.

    Examples:
        >>> from jaxgan import dynamics
        >>> dynamics.verdict([1j, -1j]).kind  # two players who chase each other in a circle
        'rotating'
        >>> print(dynamics.verdict([-0.5 + 1j, -0.5 - 1j]))
        stable: largest real part -0.5, imaginary/real 2, steps below 0.8 converge

    References:
        Mescheder et al. 2017, lemma 4.
    """
    values = np.asarray(eigenvalues, complex)
    least = tolerance * np.abs(values).max()
    values = values[np.abs(values) > least]
    if not len(values):
        return Verdict("rotating", 0.0, 0.0, 0.0)
    largest = float(values.real.max())
    kind = "unstable" if largest > least else "rotating" if largest >= -least else "stable"
    with np.errstate(divide="ignore"):
        rotation = float(np.max(np.abs(values.imag) / np.abs(values.real)))
    return Verdict(kind, largest, rotation, step_size_bound(values) if kind == "stable" else 0.0)


def step_size_bound(eigenvalues: Any) -> float:
    """Return the step size h below which ``x + h v(x)`` contracts: ``|1 + h z| < 1`` for each eigenvalue z.

    Args:
        eigenvalues: complex ``[n]``.

    Returns:
        The smallest ``-2 Re z / |z|^2``; 0 if a real part is not negative.

    References:
        Mescheder et al. 2017, lemma 4, eq. 4.
    """
    values = np.asarray(eigenvalues, complex)
    return max(0.0, float(np.min(-2 * values.real / np.abs(values) ** 2)))


class Path(NamedTuple):
    """The field along the straight line between two points.

    Attributes:
        alphas: positions on the line; 0 is the start, 1 the end.
        angle: the cosine of the angle between the field and the line.
        norm: the length of the field.
    """

    alphas: Float[np.ndarray, " points"]
    angle: Float[np.ndarray, " points"]
    norm: Float[np.ndarray, " points"]


def path_angle(field: Field, start: Any, end: Any, *, alphas: Any = None) -> Path:
    """Return the direction of the field along the line from the start of training to its end, and beyond.

    If the end attracts, the cosine changes from positive to negative at 1. A bump at 1 means rotation.

    Args:
        field: the velocities of the parameters.
        start: the parameters at the start.
        end: the parameters at the end, with the same structure.
        alphas: positions on the line, ``[points]``; None for 0.6 to 1.4.

    Returns:
        The `Path`.

    References:
        Berard et al. 2020, eq. 7, with the sign of a velocity.
    """
    alphas = np.linspace(0.6, 1.4, 81) if alphas is None else np.asarray(alphas)
    line = optax.tree.sub(end, start)

    def at(alpha: Any) -> tuple[Any, Any]:
        velocity = field(optax.tree.add_scale(start, alpha, line))
        length = optax.tree.norm(velocity)
        along = optax.tree.vdot(velocity, line)
        return along / jnp.maximum(length * optax.tree.norm(line), 1e-30), length

    angle, norm = jax.jit(lambda alphas: jax.lax.map(at, alphas))(jnp.asarray(alphas))
    return Path(alphas, np.asarray(angle), np.asarray(norm))
