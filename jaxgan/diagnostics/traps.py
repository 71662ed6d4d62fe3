"""Known traps of a GAN's pieces, told before the first step: nothing is run, only traced programs are read.

`bounds_of` follows intervals through a traced function: whatever its weights are, a sigmoid's output lies in
[0, 1], a tanh's in [-1, 1], a dense layer's anywhere. So the end of a network is judged by what it can return
and not by how it is written: ``nn.sigmoid(x)``, ``1 / (1 + exp(-x))`` and ``(tanh(x) + 1) / 2`` are one trap.

A trap is one sentence with a cure. It is never an error: some who step into one mean to.

References:
    Moore 1966, Interval Analysis
    Arjovsky et al. 2017, Wasserstein GAN, https://arxiv.org/abs/1701.07875, section 3 (a critic must be
    Lipschitz)
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal


class Bounds(NamedTuple):
    """The interval that all values of an array lie in.

    Attributes:
        low: the lower bound, or -inf.
        high: the upper bound, or inf.
    """

    low: float = -math.inf
    high: float = math.inf


ANY = Bounds()


def of_generator(generate: Callable[..., Any], *inputs: Any) -> tuple[str, ...]:
    """Return the traps at the end of a generator of images, which are in [-1, 1].

    Args:
        generate: ``(*inputs) -> images``.
        inputs: arrays, or their shapes and dtypes.
    """
    bounds = bounds_of(generate, *inputs)
    if bounds is None:
        return ()
    low, high = bounds
    if low >= 0:
        values = f"lie in [0, {high:g}]" if math.isfinite(high) else "are never negative"
        return (f"the generator's images {values}, and black is -1: end it with tanh",)
    if high <= 0:
        return ("the generator's images are never positive, and white is 1: end it with tanh",)
    if max(-low, high) > 1.01:
        values = f"lie in [{low:g}, {high:g}]" if math.isfinite(high - low) else "have no bounds"
        clipped = "what is outside [-1, 1] is clipped, and tanh bounds them"
        return (f"the generator's images {values}: {clipped}",)
    return ()


def of_discriminator(discriminate: Callable[..., Any], *inputs: Any) -> tuple[str, ...]:
    """Return the traps at the end of a discriminator, whose logits may have any sign and size.

    Args:
        discriminate: ``(*inputs) -> logits``.
        inputs: arrays, or their shapes and dtypes.
    """
    bounds = bounds_of(discriminate, *inputs)
    if bounds is None:
        return ()
    low, high = bounds
    if low >= 0:
        values, layer = "are never negative", "ReLU, abs or softmax"
        if high <= 1:
            values, layer = f"lie in [{low:g}, {high:g}]", "sigmoid or softmax"
    elif high <= 0:
        values, layer = "are never positive", "log-sigmoid or minus sign before a ReLU"
    elif max(-low, high) <= 1:
        values, layer = f"lie in [{low:g}, {high:g}]", "tanh"
    else:
        return ()
    return (f"the discriminator's outputs {values}, but losses take logits: end it without a {layer}",)


def of_loss(loss: Any, *, constrained: bool) -> tuple[str, ...]:
    """Return the trap of a Wasserstein loss, of which the discriminator's part is linear: it has no bottom.

    Args:
        loss: a pair of losses.
        constrained: whether something may keep the discriminator Lipschitz: a penalty, spectral
            normalization, or an optimizer or update rule of one's own, which may clip weights.
    """
    logits = jax.ShapeDtypeStruct((2,), jnp.float32)
    if constrained or not is_linear(loss.discriminator, logits, logits):
        return ()
    return (
        "a Wasserstein loss has no lower bound, and nothing keeps the discriminator Lipschitz: set `penalty` "
        "gradient_penalty, take spectral normalization, or clip weights (penalties.clip_parameters)",
    )


def has_spectral_norm(collections: Any) -> bool:
    """Return whether a network's collections hold the ``sigma`` of a spectral normalization."""
    paths = jax.tree_util.tree_leaves_with_path(collections)
    return any(str(getattr(path[-1], "key", "")).split("/")[-1] == "sigma" for path, _ in paths)


def bounds_of(function: Callable[..., Any], *inputs: Any) -> Bounds | None:
    """Return an interval that holds all values of a function, whatever its inputs are.

    Args:
        function: a function of arrays that returns one array.
        inputs: arrays, or their shapes and dtypes.

    Returns:
        The bounds; they may be wider than the values, and never narrower but for rounding. None where they
        are unknown, as for the result of a loop, or where the function cannot be traced.
    """
    try:
        closed = jax.make_jaxpr(function)(*inputs)
        (bounds,) = _bounds(closed, [ANY] * len(closed.in_avals))
    except Exception:  # a note is not worth an error, and whoever calls the function meets it anyway
        return None
    return bounds


def is_linear(function: Callable[..., Any], *inputs: Any) -> bool:
    """Return whether a function only adds, subtracts and scales its inputs, as far as its program shows.

    Args:
        function: a function of arrays.
        inputs: arrays, or their shapes and dtypes.
    """
    try:
        closed = jax.make_jaxpr(function)(*inputs)
    except Exception:
        return False
    return all(
        equation.primitive.name in LINEAR
        or (equation.primitive.name in ("mul", "div") and isinstance(equation.invars[1], Literal))
        or (equation.primitive.name == "mul" and isinstance(equation.invars[0], Literal))
        for equation in _equations(closed.jaxpr)
    )


LINEAR = {
    "add", "broadcast_in_dim", "convert_element_type", "copy", "neg", "reduce_sum", "reshape", "squeeze",
    "sub", "transpose",
}  # fmt: skip


def _equations(jaxpr: Jaxpr) -> Iterator[Any]:
    """Yield the equations of a program; a call inside it is replaced by what is called."""
    for equation in jaxpr.eqns:
        inner = _called(equation)
        if inner is None:
            yield equation
        else:
            yield from _equations(inner.jaxpr)


def _called(equation: Any) -> ClosedJaxpr | None:
    """Return the program that an equation calls once, as jit and custom derivatives do; else None."""
    if equation.primitive.name not in CALLS:
        return None
    inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
    return ClosedJaxpr(inner, ()) if isinstance(inner, Jaxpr) else inner


def _is_opaque(equation: Any) -> bool:
    """Return whether an equation has another program inside, such as a loop, or calls back."""
    parts = jax.tree.leaves(list(equation.params.values()))
    return "callback" in equation.primitive.name or any(isinstance(x, Jaxpr | ClosedJaxpr) for x in parts)


CALLS = {
    "checkpoint", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "jit", "pjit", "remat",
    "remat2",
}  # fmt: skip


def _bounds(closed: ClosedJaxpr, inputs: Sequence[Bounds | None]) -> list[Bounds | None]:
    """Return the bounds of a program's outputs, given those of its inputs."""
    jaxpr = closed.jaxpr
    known: dict[Any, Bounds | None] = dict(zip(jaxpr.invars, inputs, strict=True))
    known |= dict(zip(jaxpr.constvars, map(_of_value, closed.consts), strict=True))

    def read(atom: Any) -> Bounds | None:
        return _of_value(atom.val) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        name, operands = equation.primitive.name, [read(atom) for atom in equation.invars]
        inner = _called(equation)
        if equation.params.get("name") in NAMED:
            results = [NAMED[equation.params["name"]]]
        elif inner is not None:
            results = _bounds(inner, operands)
        elif _is_opaque(equation):
            results = [None] * len(equation.outvars)
        else:
            results = [_result(equation, name, operands)] * len(equation.outvars)
        known |= dict(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _of_value(value: Any) -> Bounds:
    value = np.asarray(value) if np.size(value) == 1 else None  # to read a whole array would take time
    return ANY if value is None or value.dtype == object else Bounds(float(value.item()), float(value.item()))


def _result(equation: Any, name: str, operands: list[Bounds | None]) -> Bounds | None:
    """Return the bounds of an operation; those of unknown operands are unknown unless it bounds them."""
    if equation.outvars[0].aval.dtype == bool:
        return Bounds(0, 1)
    first, *others = [ANY if operand is None else operand for operand in operands] or [ANY]
    if name in SAME:
        bounds = first
    elif name in UNION:
        bounds = _union(first, *others)
    elif name == "select_n":
        bounds = _union(*others)
    elif name == "mul" and equation.invars[0] is equation.invars[1]:
        bounds = _power(first, 2)
    elif name == "integer_pow":
        bounds = _power(first, equation.params["y"])
    elif name == "reduce_sum":
        before, after = (math.prod(atom.aval.shape) for atom in (equation.invars[0], equation.outvars[0]))
        bounds = _product(first, Bounds(before / after, before / after))
    elif name in RULES:
        bounds = RULES[name](first, *others)
    else:
        return ANY  # among them all layers with weights
    return None if bounds == ANY and None in operands else bounds


def _union(*parts: Bounds) -> Bounds:
    return Bounds(min(part.low for part in parts), max(part.high for part in parts))


def _sum(a: Bounds, b: Bounds) -> Bounds:
    return Bounds(a.low + b.low, a.high + b.high)


def _negative(a: Bounds) -> Bounds:
    return Bounds(-a.high, -a.low)


def _product(a: Bounds, b: Bounds) -> Bounds:
    corners = [x * y if x and y else 0.0 for x in a for y in b]  # 0 times infinity is 0 here
    return Bounds(min(corners), max(corners))


def _inverse(a: Bounds) -> Bounds:
    if a.low < 0 < a.high:
        return ANY
    low, high = (1 / x if x else math.inf for x in (a.high, a.low))
    return Bounds(low, high) if a.low >= 0 else Bounds(-math.inf if not a.high else low, high)


def _power(a: Bounds, exponent: int) -> Bounds:
    if exponent < 0:
        return _inverse(_power(a, -exponent))
    corners = [_float(lambda x: x**exponent, x) for x in a]
    return Bounds(0 if exponent % 2 == 0 and a.low < 0 < a.high else min(corners), max(corners))


def _float(function: Callable[[float], float], x: float) -> float:
    """Return a function's value; infinity where it overflows."""
    try:
        return function(x)
    except OverflowError:
        return math.inf


def _rising(function: Callable[[float], float], least: float = -math.inf) -> Callable[[Bounds], Bounds]:
    """Return the rule of a function that never falls, and is defined from `least` on."""
    return lambda a: Bounds(*(_float(function, max(x, least)) for x in a))


def _log1p(x: float) -> float:
    return math.log1p(x) if x > -1 else -math.inf


def _logistic(x: float) -> float:
    return 0.5 * (math.tanh(x / 2) + 1)


SAME = {
    "broadcast_in_dim", "convert_element_type", "copy", "dynamic_slice", "gather", "reduce_max", "reduce_min",
    "reduce_precision", "reshape", "rev", "sharding_constraint", "slice", "squeeze", "stop_gradient",
    "transpose",
}  # fmt: skip
UNION = {"concatenate", "pad"}
RULES: dict[str, Callable[..., Bounds]] = {
    "add": _sum,
    "sub": lambda a, b: _sum(a, _negative(b)),
    "neg": _negative,
    "mul": _product,
    "div": lambda a, b: _product(a, _inverse(b)),
    "max": lambda a, b: Bounds(max(a.low, b.low), max(a.high, b.high)),
    "min": lambda a, b: Bounds(min(a.low, b.low), min(a.high, b.high)),
    "clamp": lambda least, a, most: Bounds(
        min(max(a.low, least.low), most.high), max(min(a.high, most.high), least.low)
    ),
    "abs": lambda a: Bounds(max(a.low, -a.high, 0.0), max(-a.low, a.high)),
    "square": lambda a: _power(a, 2),
    "exp": _rising(math.exp),
    "exp2": _rising(lambda x: 2.0**x),
    "expm1": _rising(math.expm1),
    "log1p": _rising(_log1p, -1),
    "sqrt": _rising(math.sqrt, 0),
    "rsqrt": lambda a: Bounds(0, math.inf),
    "tanh": _rising(math.tanh),
    "logistic": _rising(_logistic),
    "erf": _rising(math.erf),
    "atan": _rising(math.atan),
    "sin": lambda a: Bounds(-1, 1),
    "cos": lambda a: Bounds(-1, 1),
    "sign": lambda a: Bounds(-1, 1),
}
NAMED = {  # functions of jax.nn whose bounds do not show in what they are made of
    "softplus": Bounds(0, math.inf),
    "log_sigmoid": Bounds(-math.inf, 0),
    "hard_tanh": Bounds(-1, 1),
    "soft_sign": Bounds(-1, 1),
}
