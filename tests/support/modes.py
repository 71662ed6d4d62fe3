"""The same games in every mode: one device is right, and all others have to agree with it.

python tests/support/modes.py 8 jit shard_map pmap      # on eight devices: every game of `GAMES`

SGD, because Adam hides a gradient that is n times too large; smooth units, because at a kink rounding decides.
"""

import dataclasses
import os
import sys

if __name__ == "__main__":
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"

from functools import cache, partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import small_networks
from jaxgan import augment, data, layers, losses, parallel, penalties
from jaxgan.networks import dcgan, stylegan2
from jaxgan.state import init_state
from jaxgan.step import make_train_step
from smooth import ConvDiscriminator, ConvGenerator, DenseDiscriminator, DenseGenerator

KEY = jax.random.key(5)
MODES = ("jit", "shard_map", "pmap")
STEPS = 5
TX = optax.sgd(0.02, momentum=0.5)  # two batch norms on top of each other amplify rounding


class WithStddev(nn.Module):
    @nn.compact
    def __call__(self, images, labels=None, *, train):
        features = jnp.tanh(nn.Dense(16)(images.reshape(len(images), -1)))
        return nn.Dense(1)(layers.MinibatchStddev(2)(features))[:, 0]


class Case(NamedTuple):
    generator: nn.Module = DenseGenerator((8, 8, 1))
    discriminator: nn.Module = DenseDiscriminator()
    loss: object = losses.non_saturating
    penalty: object = None
    augment: object = None
    d_steps: int = 1
    batch_size: int = 48


R1 = penalties.r1(gamma=1.0)
FAST = {
    "dense, R1, three critic steps": Case(penalty=R1, d_steps=3),
    "convolutions, batch norm": Case(ConvGenerator((8, 8, 1)), ConvDiscriminator(), batch_size=24),
    "convolutions, spectral norm, R1": Case(
        ConvGenerator((8, 8, 1)), ConvDiscriminator(norm="spectral"), penalty=R1
    ),
}
GAMES = FAST | {
    "dense": Case(),
    "WGAN-GP": Case(loss=losses.wasserstein, penalty=penalties.gradient_penalty(weight=1.0)),
    "relativistic average": Case(loss=losses.relativistic_average()),
    "minibatch stddev": Case(discriminator=WithStddev()),
    "five critic steps": Case(d_steps=5),
    "DiffAugment": Case(augment=augment.diff_augment()),
    "R1 and R2 through DiffAugment": Case(
        augment=augment.diff_augment(policy="color,translation"), penalty=penalties.r1_r2(gamma=1.0)
    ),
}
DCGANS = {  # with kinks: compared after one step
    "DCGAN, spectral norm, R1": Case(
        dcgan.Generator((8, 8, 1), 8), dcgan.Discriminator(8, "spectral"), penalty=R1
    ),
    "ResNet, R1": Case(*small_networks.pair("resnet"), penalty=R1, batch_size=24),
    "BigGAN, hinge": Case(*small_networks.pair("biggan"), losses.hinge, batch_size=24),
    "BigGAN-deep, hinge": Case(*small_networks.pair("biggan_deep"), losses.hinge, batch_size=24),
    "FastGAN, R1": Case(*small_networks.pair("fastgan"), losses.hinge, R1, batch_size=24),
    "R3GAN, R1 and R2": Case(
        *small_networks.pair("r3gan"), losses.relativistic, penalties.r1_r2(gamma=1.0), batch_size=24
    ),
    "StyleGAN2, R1": Case(
        stylegan2.Generator((8, 8, 1), 32, 4, mapping_layers=1, w_dim=4),
        stylegan2.Discriminator(32, 4),
        penalty=R1,
        batch_size=16,
    ),
    "DCGAN, batch norm": Case(dcgan.Generator((16, 16, 1), 4), dcgan.Discriminator(4), batch_size=24),
}


def make(name, axis_name=None, *, batch_size=None, **options):
    """Return the first state, the step, ``step -> batch``, and the stored images."""
    case = (GAMES | DCGANS)[name]
    shapes = {"image_shape": case.generator.image_shape, "latent_dim": 6}
    state = init_state(jax.random.key(0), case.generator, case.discriminator, **shapes, g_tx=TX, d_tx=TX)
    step = make_train_step(
        case.generator,
        case.discriminator,
        case.loss,
        penalty=case.penalty,
        augment=case.augment,
        d_steps=case.d_steps,
        ema_decay=0.9,
        axis_name=axis_name,
        **options,
    )
    images = np.random.default_rng(1).integers(0, 256, (50, *case.generator.image_shape), np.uint8)
    batch_at = partial(data.batch_at, seed=2, batch_size=(batch_size or case.batch_size) * case.d_steps)
    return state, step, batch_at, {"image": jnp.asarray(images)}


def steps_of(name):
    """Return the number of steps after which a case is compared."""
    return 1 if name in DCGANS else STEPS


def adapted(mode, step, mesh):
    adapters = {"one": parallel.jit, "jit": partial(parallel.jit, mesh=mesh)}
    adapters |= {"shard_map": partial(parallel.shard_map, mesh=mesh)}
    adapters |= {"pmap": lambda step: parallel.pmap(step, devices=list(mesh.devices.flat))}
    return adapters[mode](step)


def axis_of(mode):
    return "batch" if mode in ("shard_map", "pmap") else None


def train(name, mode, devices=1):
    """Return state and metrics after some steps."""
    state, step, batch_at, stored = make(name, axis_of(mode))
    traces = []

    def counted(*arguments):
        traces.append(1)
        return step.update(*arguments)

    run = adapted(
        mode, dataclasses.replace(step, update=counted), parallel.batch_mesh(jax.devices()[:devices])
    )
    for t in range(steps_of(name)):
        before, (state, metrics) = state, run(state, batch_at(stored, t), KEY)
        assert t == 0 or before.generator.step.is_deleted(), "not donated"
    assert len(traces) == 1, f"traced {len(traces)} times"
    return state, metrics


@cache
def on_one_device(name):
    return train(name, "one")


def difference(result, expected):
    """Return the largest difference, relative to the largest entry of its leaf; some leaves are zero but for
    rounding (the last bias under relativistic averages), hence the 0.05."""
    pairs = zip(jax.tree.leaves(result), jax.tree.leaves(expected), strict=True)
    return max(
        float(np.abs(np.asarray(a) - np.asarray(b)).max() / (np.abs(b).max() + 0.05)) for a, b in pairs
    )


if __name__ == "__main__":
    devices = sys.argv[1]
    for name in GAMES:
        for mode in sys.argv[2:]:
            found = difference(train(name, mode, int(devices)), on_one_device(name))
            print(f"{name}, {mode} on {devices}: {found:.1e}", flush=True)
            assert found < 1e-5, f"{name}, {mode} on {devices} devices: {found}"
