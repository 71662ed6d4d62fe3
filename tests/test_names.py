"""A new piece is one line in a table of names; nothing else changes."""

import json

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import losses, names, train
from jaxgan.config import Config
from jaxgan.export import load_generator
from jaxgan.games.terms import LeCam
from jaxgan.names import Family
from jaxgan.networks import mlp
from jaxgan.system.command_line import parse
from pictures import forty_pictures


class Generator(nn.Module):
    image_shape: tuple[int, ...]
    num_classes: int | None = None

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return jnp.tanh(nn.Dense(int(np.prod(self.image_shape)))(latents)).reshape(-1, *self.image_shape)


def toy_family(config, image_shape, num_classes):
    return Generator(image_shape), mlp.Discriminator((4,))


TOYS = {
    "loss": ("LOSSES", losses.Loss(lambda real, fake: fake - real, lambda real, fake: -fake)),
    "penalty": (
        "PENALTIES",
        lambda weight: lambda critic, real, fake, *, keys, step: weight * critic(real) ** 2,
    ),
    "augment": ("AUGMENTATIONS", lambda config: lambda images, *, keys, step=0: images + 0.1),
    "terms": ("TERMS", lambda config, of_data: LeCam(config.lecam_weight, start_step=of_data.epoch_steps)),
    "update": ("UPDATES", names.UPDATES["simultaneous"]),
    "optimizer": ("OPTIMIZERS", lambda config, rate: optax.adamw(rate)),
    "learning_rate_schedule": ("SCHEDULES", lambda rate, steps: lambda count: 0.5 * rate),
    "network": ("FAMILIES", Family(Generator, mlp.Discriminator, toy_family)),
}


def test_toys_of_all_kinds_train_by_their_names(tmp_path, monkeypatch):
    arguments = [
        "--penalty-weight",
        "0.5",
        "--decay-steps",
        "5",
        "--steps",
        "2",
        "--batch-size",
        "8",
        "--quiet",
    ]
    for kind, (table, toy) in TOYS.items():
        monkeypatch.setitem(getattr(names, table), "toy", toy)
        arguments += [f"--{kind.replace('_', '-')}", "toy"]
    config = Config(workdir=str(tmp_path / "run"), diagnose_every=None)
    config = parse(config, description="", args=arguments)
    result = train.run(config, dataset=forty_pictures(4, 4, 1))
    assert result.status == "done"
    saved = json.loads((tmp_path / "run/config.json").read_text())
    assert {kind for kind in TOYS if saved[kind] in ("toy", ["toy"])} == set(TOYS)
    assert load_generator(tmp_path / "run")(jnp.zeros((3, 100))).shape == (3, 4, 4, 1)
