"""The second phase of f-AnoGAN, on generators that need no training."""

import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from exports import COMMON, LATENT, SHAPE, write
from jaxgan import data, export, representation
from jaxgan.data import batch_at
from jaxgan.networks import mlp, r3gan
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key
from tiny_runs import files_of


class Linear(nn.Module):
    """An encoder or a generator of one layer."""

    size: int

    @nn.compact
    def __call__(self, inputs, labels=None, *, train):
        rows = nn.Dense(self.size)(inputs.reshape(len(inputs), -1))
        return rows.reshape(-1, *SHAPE) if self.size == 64 else rows


@pytest.mark.slow
def test_two_steps_are_those_of_the_paper(tmp_path):
    """Independent lines: MSE of pixels plus kappa times MSE of D's last features, and Adam on a cosine."""
    module = mlp.Discriminator((6, 5))
    found = write(tmp_path, discriminator=module)
    options = {"steps": 2, "batch_size": 8, "learning_rate": 0.01, "kappa": 0.5, "seed": 3}
    fitted = representation.train_encoder(tmp_path, "digits", encoder=Linear(LATENT), quiet=True, **options)
    images = data.digits().images[~data.dataset.held_out_rows(1797, 0.1)]
    encoder, generator = Linear(LATENT), mlp.Generator(SHAPE, (6,))
    variables = encoder.init(seed_key(3), jnp.zeros((1, *SHAPE)), train=False)

    def loss(variables, images):
        made = generator.apply(found["generator"], encoder.apply(variables, images, train=True), train=False)
        features = [
            module.apply(found["discriminator"], each, train=False, features=True)[-1]
            for each in (images, made)
        ]
        return ((images - made) ** 2).mean() + 0.5 * ((features[0] - features[1]) ** 2).mean()

    optimizer = optax.adam(optax.cosine_decay_schedule(0.01, 2))
    state = optimizer.init(variables)
    for step in range(2):
        batch = batch_at({"image": jnp.asarray(images)}, step, seed=np.uint32(3), batch_size=8)["image"]
        value, gradients = jax.value_and_grad(loss)(variables, batch.astype(jnp.float32) / 127.5 - 1)
        updates, state = optimizer.update(gradients, state)
        variables = optax.apply_updates(variables, updates)
    np.testing.assert_allclose(fitted.loss, value, rtol=1e-4)
    encode = export.load_encoder(tmp_path, Linear(LATENT))
    shown = jnp.asarray(images[:5].astype(np.float32) / 127.5 - 1)
    np.testing.assert_allclose(
        encode(images[:5]), encoder.apply(variables, shown, train=False), rtol=1e-3, atol=1e-4
    )


def test_a_linear_generator_is_inverted_and_the_ratio_says_so(tmp_path, capsys):
    """Images of a linear generator have exact latents, so the ratio falls towards 0; PCA could do no better."""
    generator, rng = Linear(64), np.random.default_rng(0)
    variables = generator.init(jax.random.key(5), jnp.zeros((1, LATENT)), train=False)
    variables = jax.tree.map(lambda leaf: 0.2 * leaf, variables)
    latents = jnp.asarray(rng.standard_normal((200, LATENT), np.float32))
    images = np.asarray(generator.apply(variables, latents, train=False)).clip(-1, 1)
    np.savez(tmp_path / "made.npz", images=np.round(127.5 * (images + 1)).astype(np.uint8))
    common = {"image_shape": SHAPE, "latent_dim": LATENT, "num_classes": None, "step": 1}
    export.save_generator(tmp_path / "run", generator, variables, **common)
    own = {"generator": Linear(64), "encoder": Linear(LATENT), "kappa": 0.0}
    options = {"steps": 300, "learning_rate": 0.02, **own}
    fitted = representation.train_encoder(tmp_path / "run", tmp_path / "made.npz", **options)
    assert fitted.ratio < 0.05
    assert "encoder step 300/300  loss" in capsys.readouterr().out
    first = files_of(tmp_path / "run")
    again = representation.train_encoder(tmp_path / "run", tmp_path / "made.npz", quiet=True, **options)
    assert (again.ratio, files_of(tmp_path / "run")) == (fitted.ratio, first)
    trained = json.loads((tmp_path / "run/encoder.json").read_text())["trained"]
    assert trained["reconstruction_ratio"] == fitted.ratio
    reader = representation.open_reader(tmp_path / "run", generator=Linear(64), encoder=Linear(LATENT))
    rows = data.dataset.held_out_rows(200, 0.1)
    held_out = np.round(127.5 * (images + 1))[rows].astype(np.uint8)
    far = np.linalg.norm((reader.reconstruct(held_out) - held_out / 127.5 + 1).reshape(20, -1), axis=1).mean()
    order = (np.arange(20) + np.random.default_rng(0).integers(1, 20, 20)) % 20
    assert (order != np.arange(20)).all()
    apart = np.linalg.norm((held_out - held_out[order].astype(float)).reshape(20, -1) / 127.5, axis=1).mean()
    np.testing.assert_allclose(fitted.ratio, far / apart, rtol=1e-3)


@pytest.mark.slow
def test_a_conditional_generator_gets_an_encoder_of_its_family(tmp_path):
    write(tmp_path, discriminator=mlp.Discriminator((7,), num_classes=10), classes=10)
    fitted = representation.train_encoder(tmp_path, "digits", steps=3, quiet=True)
    description = json.loads((tmp_path / "encoder.json").read_text())
    assert (description["network"], description["num_classes"]) == ("mlp", 10)
    assert description["options"] == {"size": LATENT, "hidden": [7]}
    assert np.isfinite(fitted.ratio)
    digits = data.digits()
    reader = representation.open_reader(tmp_path)
    assert reader.reconstruct(digits.images[:3], digits.labels[:3]).shape == (3, *SHAPE)


@pytest.mark.slow
def test_a_generator_of_a_later_family_gets_an_encoder_of_convolutions(tmp_path):
    generator = r3gan.Generator(SHAPE, (8, 8), (1, 1), blocks=1)
    variables = generator.init(jax.random.key(0), jnp.zeros((1, LATENT)), train=False)
    export.save_generator(tmp_path, generator, variables, num_classes=None, **COMMON)
    fitted = representation.train_encoder(tmp_path, "digits", steps=2, kappa=0.0, quiet=True)
    description = json.loads((tmp_path / "encoder.json").read_text())
    assert (description["network"], description["options"]["size"]) == ("dcgan", LATENT)
    assert np.isfinite(fitted.ratio)
    assert representation.open_reader(tmp_path).reconstruct(data.digits().images[:3]).shape == (3, *SHAPE)


def test_a_damaged_encoder_is_replaced(tmp_path):
    write(tmp_path, discriminator=mlp.Discriminator((7,)))
    (tmp_path / "encoder.json").write_text('{"format_ver')
    representation.train_encoder(tmp_path, "digits", steps=1, quiet=True)
    assert json.loads((tmp_path / "encoder.json").read_text())["trained"]["steps"] == 1


def test_a_loss_that_is_not_finite_writes_nothing(tmp_path):
    write(tmp_path, discriminator=mlp.Discriminator((7,)))
    before = files_of(tmp_path)
    for options, sentence in (
        ({"learning_rate": 1e38, "steps": 60}, "loss is not finite before step"),
        ({"learning_rate": -1.0}, "learning rate is a positive number"),
        ({"seed": 2**32}, "`seed` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
    ):
        with pytest.raises(UserError, match=sentence):
            representation.train_encoder(tmp_path, "digits", quiet=True, **options)
    np.savez(tmp_path / "few.npz", images=data.digits().images[:10])
    with pytest.raises(UserError, match="has 10 images, and an encoder is trained on at least 20"):
        representation.train_encoder(tmp_path, tmp_path / "few.npz", quiet=True)
    (tmp_path / "few.npz").unlink()
    assert files_of(tmp_path) == before
