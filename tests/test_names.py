"""A new piece is one line in a table of names; nothing else changes."""

import json

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pytest

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


@pytest.mark.parametrize("kind", TOYS)
def test_a_toy_of_each_kind_trains_by_its_name(kind, tmp_path, monkeypatch):
    table, toy = TOYS[kind]
    monkeypatch.setitem(getattr(names, table), "toy", toy)
    more = ["--penalty-weight", "0.5"] if kind == "penalty" else []
    more += ["--decay-steps", "5"] if kind == "learning_rate_schedule" else []
    more += [] if kind == "network" else ["--hidden", "4"]
    arguments = [f"--{kind.replace('_', '-')}", "toy", *more, "--steps", "2", "--batch-size", "8", "--quiet"]
    config = Config(workdir=str(tmp_path / "run"), diagnose_every=None)
    config = parse(config, description="", args=arguments)
    result = train.run(config, dataset=forty_pictures(4, 4, 1))
    assert result.status == "done"
    saved = json.loads((tmp_path / "run/config.json").read_text())[kind]
    assert saved in ("toy", ["toy"])
    assert load_generator(tmp_path / "run")(jnp.zeros((3, 100))).shape == (3, 4, 4, 1)
