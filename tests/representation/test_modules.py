"""The modules of a run, rebuilt from its settings."""

import pytest

from jaxgan import train
from jaxgan.config import Config
from jaxgan.networks import dcgan, encoders, mlp
from jaxgan.representation.modules import modules_of
from jaxgan.rules import BiGAN, InfoGAN
from jaxgan.system.errors import UserError
from readers import reader
from tiny_runs import tiny, train_tiny


def test_a_bigan_has_an_encoder_and_a_discriminator_of_images(tmp_path):
    train.run(
        Config(workdir=tmp_path, steps=1, batch_size=8, latent_dim=5, hidden=(8,), game=BiGAN(), quiet=True)
    )
    found = modules_of(reader(tmp_path)._replace(image_shape=(8, 8, 1)))
    assert found.generator == mlp.Generator((8, 8, 1), (8,))
    assert found.encoder == encoders.DenseEncoder(5, (8,))
    assert isinstance(found.discriminator, mlp.Discriminator)


def test_other_games_have_an_encoder_of_the_family(tmp_path):
    game = InfoGAN(categories=(3,), continuous_codes=0)
    config = Config(
        workdir=tmp_path, network="dcgan", width=4, steps=1, batch_size=8, latent_dim=5, game=game, quiet=True
    )
    train.run(config)
    of_run = reader(tmp_path)._replace(image_shape=(8, 8, 1), description={"latent_dim": 8})
    found = modules_of(of_run)
    assert found.encoder == encoders.ConvEncoder(8, 4)
    assert isinstance(found.discriminator, dcgan.Discriminator)
    assert found.discriminator.heads[-1] == 3


def test_networks_that_nobody_describes_are_refused(tmp_path):
    train_tiny(tiny(tmp_path / "own", steps=1, quiet=True))
    with pytest.raises(UserError, match="own has a generator of its own, which only its program"):
        modules_of(reader(tmp_path / "own"))
    (tmp_path / "own/export").rename(tmp_path / "alone")
    with pytest.raises(UserError, match="alone has no settings of a run"):
        modules_of(reader(tmp_path / "alone"))
