"""The section on the critic: a planted defect is found, and the numbers are those of NumPy."""

import dataclasses
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxgan.explain.examples import POOL
from jaxgan.explain.section import Subject
from jaxgan.explain.section_critic import critic_section, rank_correlation
from jaxgan.export import Network
from jaxgan.system.errors import UserError
from readers import floats, reader, reals

SHAPE, BLOCK = (8, 8, 1), (slice(2, 4), slice(4, 6))
REGION = 1 * 4 + 2  # of the 4x4 grid
DRAW = np.random.default_rng(0)
REALS, UNSEEN = (DRAW.integers(0, 120, (40, *SHAPE)).astype(np.uint8) for _ in range(2))


class OneBlock(nn.Module):
    """A discriminator that looks at one block of pixels, where reals are dark."""

    slope: float = 3.0

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        scale = self.param("scale", nn.initializers.constant(self.slope), (2, 2, 1))
        return -jnp.tanh((scale[None] * images[:, BLOCK[0], BLOCK[1]]).mean((1, 2, 3)))


def fakes_with_a_square(latents, labels=None):
    """Return noise like the reals with a square pasted in, whose shade varies a little."""
    images = floats(REALS)[np.arange(len(latents)) % len(REALS)].copy()
    images[:, BLOCK[0], BLOCK[1]] = 0.7 + 0.2 * np.tanh(latents[:, 0])[:, None, None, None]
    return images


def subject(module=None, *, learned=None, held_out=None, n=3, **changes):
    of_run = reader(generate=fakes_with_a_square)._replace(image_shape=SHAPE)
    description = {
        "image_shape": SHAPE,
        "num_classes": None,
        "latent_dim": 2,
        "takes": ["image"],
        "step": 7,
    }
    module = OneBlock() if module is None else module
    judge = Network(module, module.init(jax.random.key(0), jnp.zeros((1, *SHAPE)), train=False), description)
    maker = Network(None, {}, {"latent_dim": 2})
    return dataclasses.replace(Subject(Path("run"), of_run, maker, judge, learned, held_out, n, 0), **changes)


@pytest.fixture(scope="module")
def section():
    return critic_section(subject(learned=reals(REALS), held_out=reals(UNSEEN)), regions="4x4")


def test_the_planted_square_has_all_of_the_attribution(section):
    values = np.array([each["values"] for each in section.numbers["images"]])
    assert values.shape == (3, 16)
    share = np.abs(values[:, REGION]) / np.abs(values).sum(axis=1)
    assert share.min() > 0.95
    assert (values[:, REGION] < -0.5).all()  # it looks fake
    attention = section.numbers["attention"]
    assert np.argmax(attention["fakes"]) == REGION
    assert attention["fakes"][REGION] > 0.95 * sum(attention["fakes"])


def test_the_numbers_of_the_verdicts_are_those_of_the_logits(section):
    numbers = section.numbers
    assert (numbers["fakes"], numbers["reals"], numbers["reals_are"]) == (POOL, 40, "held out")
    assert (numbers["step"], numbers["regions"], numbers["references"]) == (7, [4, 4], 1)
    assert numbers["logit_of_reals"] == pytest.approx(verdict(floats(UNSEEN)).mean(), abs=1e-5)
    assert numbers["auc"] == 1.0
    shown = [each["logit"] for each in numbers["images"]]
    assert shown[0] <= shown[1] < shown[2]  # two of the most fake, then the most real
    assert section.notes == ()


def verdict(images):
    return -np.tanh(3 * images[:, BLOCK[0], BLOCK[1]].mean(axis=(1, 2, 3)))


def test_every_explanation_adds_up_and_is_checked(section):
    numbers = section.numbers
    for each in numbers["images"]:
        difference = each["logit"] - each["logit_of_reference"]
        assert sum(each["values"]) == pytest.approx(difference, abs=1e-5)
        assert each["residual"] == pytest.approx(0, abs=1e-5)
        assert each["fidelity"] == pytest.approx(1, abs=1e-3)  # a game of one region
    assert numbers["fidelity"] == pytest.approx(1, abs=1e-3)
    assert numbers["fidelity_of_random_values"] < 0.2
    assert numbers["deletion_gap"] > 1.5 > numbers["deletion_gap_of_random_values"]
    assert numbers["standard_error_share"] < 1e-4
    assert numbers["evaluations"] == 2 + 128 * 15


def test_pictures_and_table(section):
    assert list(section.pictures) == ["critic.png", "attention.png"]
    for picture in section.pictures.values():
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert max(picture.shape) >= 640
    colors = section.pictures["critic.png"].reshape(-1, 3)
    assert (colors == (103, 0, 31)).all(axis=1).any()  # the strongest red
    rows = dict(section.rows)
    assert rows["AUC of the discriminator, held-out reals against fakes"] == 1.0
    assert rows["fidelity"] == section.numbers["fidelity"]


@pytest.mark.parametrize(
    ("method", "reference"), [("lime", "grey"), ("integrated", "reals"), ("expected", "nearest")]
)
def test_all_methods_find_the_square(method, reference):
    found = critic_section(
        subject(learned=reals(REALS), n=1), method=method, regions="4x2", reference=reference
    )
    (image,) = found.numbers["images"]
    values = np.abs(image["values"])
    assert np.argmax(values) == 1 * 2 + 1
    assert values.max() > 0.9 * values.sum()
    assert found.numbers["references"] == {"reals": 16}.get(reference, 1)
    assert "training images" in found.rows[0][0]
    assert "the AUC is of training images" in found.notes[0]


def test_a_coin_toss_is_said_to_be_one():
    found = critic_section(subject(OneBlock(0.0), n=1), method="integrated", regions="1x2", reference="grey")
    assert found.numbers["auc"] is None
    assert "no real images are at hand" in found.notes[0]
    found = critic_section(
        subject(OneBlock(-3.0), learned=reals(REALS), n=1), method="integrated", regions="1x2"
    )
    assert found.numbers["auc"] < 0.6
    assert "an explanation of a coin toss is noise" in found.notes[-1]


def test_the_area_is_that_of_reals_over_fakes():
    mixed = np.concatenate([UNSEEN[:20], np.full((20, *SHAPE), 255, np.uint8)])  # half of them look fake
    found = critic_section(
        subject(held_out=reals(mixed), n=1), method="integrated", regions="1x1", reference="grey"
    )
    assert found.numbers["auc"] == pytest.approx(0.5, abs=0.01)


def test_rank_correlation_is_spearmans():
    a, b = DRAW.normal(size=(2, 20))
    b[:5] = b[5]
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(rank_correlation(a, np.ones(20)))


def test_mistakes_are_one_sentence():
    of_run = subject(learned=reals(REALS))
    for changes, options, message in (
        (
            {},
            {"method": "gradcam"},
            "`method` gradcam is unknown: there are shapley, lime, integrated, expected",
        ),
        ({}, {"reference": "blur"}, "`reference` blur is unknown: there are nearest, reals, grey"),
        ({}, {"regions": "9x9"}, "the images have 8x8 pixels"),
        ({"discriminator": None}, {}, "has no exported discriminator"),
        ({"learned": None}, {}, "name them with `data`"),
    ):
        with pytest.raises(UserError, match=message):
            critic_section(dataclasses.replace(of_run, **changes), **options)


class Diverged(nn.Module):
    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return images.sum((1, 2, 3)) * self.param("scale", nn.initializers.constant(jnp.nan), ())


@pytest.mark.slow
def test_a_discriminator_that_diverged_is_one_sentence():
    with pytest.raises(UserError, match="the discriminator of run says NaN or infinity"):
        critic_section(subject(Diverged(), learned=reals(REALS)))
