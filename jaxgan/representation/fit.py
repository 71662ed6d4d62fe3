"""Training of one module by one loss, for networks that are made beside a finished GAN."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.data import Dataset
from jaxgan.data.stream import feed
from jaxgan.parallel.loops import repeat
from jaxgan.state import Variables
from jaxgan.system.errors import UserError
from jaxgan.system.progress import counting, write
from jaxgan.system.random import seed_key

STEPS_PER_CALL = 50
LINES = 10  # lines of progress
DEVICE_BYTES = 1e9  # data above this size are streamed


class _Fit(flax.struct.PyTreeNode):
    """What training changes: the step, the module's variables, and its optimizer's state."""

    step: Any
    params: Any
    collections: Any
    optimizer: Any


def fit(
    name: str,
    loss_of: Callable[..., tuple[jax.Array, Any]],
    module: nn.Module,
    dataset: Dataset,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    quiet: bool = False,
) -> tuple[Variables, float]:
    """Return the variables of a module after its last step, and the loss of that step.

    Adam's learning rate falls to 0 along a cosine. Batches are those of `jaxgan.data`.

    Args:
        name: what the module is called in lines for the user.
        loss_of: ``(params, collections, images, labels) -> (loss, collections)``.
        module: module ``(images, labels, *, train)``.
        dataset: the images; labels only where the module takes them.
        steps: number of steps, >= 1.
        batch_size: number of images in a step, >= 1.
        learning_rate: Adam's learning rate at the start.
        seed: seed of the first parameters and of the order of images.
        quiet: whether to print nothing.

    Raises:
        UserError: if the loss is not finite.
    """
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))
    is_conditional = dataset.labels is not None

    def init(key: jax.Array) -> _Fit:
        one = jnp.zeros(1, jnp.int32) if is_conditional else None
        variables = dict(module.init(key, jnp.zeros((1, *dataset.images.shape[1:])), one, train=False))
        params = variables.pop("params")
        return _Fit(jnp.zeros((), jnp.int32), params, variables, optimizer.init(params))

    options: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "conditional": is_conditional}
    with feed(dataset, **options, start=0, device_bytes=DEVICE_BYTES) as batches:

        def one(fit: _Fit, data: Any) -> tuple[_Fit, dict[str, jax.Array]]:
            batch = batches.batch_at(data, fit.step)
            (loss, collections), gradients = jax.value_and_grad(loss_of, has_aux=True)(
                fit.params, fit.collections, batch["image"], batch.get("label")
            )
            updates, state = optimizer.update(gradients, fit.optimizer, fit.params)
            params = optax.apply_updates(fit.params, updates)
            return _Fit(fit.step + 1, params, collections, state), {"loss": loss}

        advance = jax.jit(lambda fit, data, n: repeat(lambda fit: one(fit, data), fit, n), donate_argnums=0)
        fit, step, loss = jax.jit(init)(seed_key(seed)), 0, float("nan")
        with counting(f"training the {name}", steps, "steps") as bar:
            while step < steps:
                n = min(STEPS_PER_CALL, batches.most_steps, steps - step)
                fit, metrics = advance(fit, batches.take(n), n)
                loss, before, step = float(metrics["loss"]), step, step + n
                if not np.isfinite(loss):
                    raise UserError(
                        f"the {name}'s loss is not finite before step {step:,}: lower its learning rate, "
                        "or look at the generator's images"
                    )
                bar.update(n)
                if not quiet and before * LINES // steps < step * LINES // steps:
                    write(f"{name} step {step:,}/{steps:,}  loss {loss:.4f}")
    return {"params": fit.params, **fit.collections}, loss
