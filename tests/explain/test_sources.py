"""Translators in ``jaxgan explain``: what they make of sources, compared with the images that these belong to."""

import json
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import cli, explain, train
from jaxgan.config import Config
from jaxgan.data import load_pairs
from jaxgan.explain.examples import examples_of, references_of
from jaxgan.explain.section import Subject
from jaxgan.explain.section_critic import critic_section
from jaxgan.explain.section_masks import masks_section
from jaxgan.explain.section_units import units_section
from jaxgan.export import Network
from jaxgan.rules import Cycle, Paired
from jaxgan.system.errors import UserError
from readers import floats, reader, reals

SHAPE, SMALL = (8, 8, 1), (4, 4, 1)
DRAW = np.random.default_rng(0)
LEARNED, UNSEEN = (DRAW.integers(0, 256, (40, *SHAPE)).astype(np.uint8) for _ in range(2))
WEIGHTS = DRAW.normal(size=SHAPE).astype(np.float32)
STEPS = {"batch_size": 4, "steps": 2, "quiet": True, "diagnose_every": None}
TINY = {"translator_width": 2, "patch_width": 2}


class Doubling(nn.Module):
    """A translator that repeats pixels, beside a layer with two units of which only the second one is used."""

    @nn.compact
    def __call__(self, sources, labels=None, *, train):
        units = nn.Conv(2, (1, 1), use_bias=False, name="first")(sources)
        image = nn.Conv(1, (1, 1), use_bias=False, name="second")(units)
        return jnp.repeat(jnp.repeat(image, 2, axis=1), 2, axis=2)


class Weighing(nn.Module):
    """A discriminator of an image and its source: a weighted sum of their difference."""

    @nn.compact
    def __call__(self, shown, labels=None, *, train):
        image, source = shown
        return (self.param("weights", lambda key: jnp.asarray(WEIGHTS)[None]) * (image - source)).sum(
            (1, 2, 3)
        )


def halved(images):
    return floats(images)[:, ::2, ::2]


def doubled(sources):
    return np.repeat(np.repeat(sources, 2, axis=1), 2, axis=2)


def subject(*, learned=None, held_out=None, takes=("image", "source"), reals_are_pairs=True):
    module, judge = Doubling(), Weighing()
    kernels = {"first": np.array([[[[2.0, 0.5]]]]), "second": np.array([[[[0.0], [2.0]]]])}
    variables = {"params": {name: {"kernel": jnp.asarray(each)} for name, each in kernels.items()}}
    generate = lambda sources, labels=None: module.apply(variables, sources, train=False)
    description = {"image_shape": SHAPE, "num_classes": None, "latent_dim": 0, "step": 7, "heads": []}
    shown = tuple(jnp.zeros((1, *SHAPE)) for _ in range(2))
    if takes == ("image",):
        judge = Plain()
        shown = shown[0]
    return Subject(
        Path("run"),
        reader(generate=generate)._replace(image_shape=SHAPE),
        Network(module, variables, description),
        Network(judge, judge.init(jax.random.key(0), shown, train=False), description | {"takes": [*takes]}),
        learned,
        held_out,
        4,
        0,
        lambda real, rows: halved(real.images if real.unpaired is None else real.unpaired)[rows],
    )


class Plain(nn.Module):
    """A discriminator of images alone."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return (self.param("weights", lambda key: jnp.asarray(WEIGHTS)[None]) * images).sum((1, 2, 3))


def test_made_images_and_real_ones_are_judged_with_their_source_and_are_partners():
    of_run = subject(learned=reals(LEARNED), held_out=reals(UNSEEN))
    fakes, real = examples_of(of_run, of_run.discriminator, None)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(fakes.images, doubled(halved(UNSEEN[order])), atol=1e-6)
    np.testing.assert_allclose(fakes.beside, doubled(halved(UNSEEN[order])), atol=1e-6)
    np.testing.assert_allclose(fakes.partners, floats(UNSEEN[order]), atol=1e-6)
    np.testing.assert_array_equal(real.images, fakes.partners)
    np.testing.assert_array_equal(real.partners, fakes.images)
    np.testing.assert_array_equal(real.beside, fakes.beside)
    found = references_of(of_run, fakes.rows(slice(3)), "nearest")
    np.testing.assert_array_equal(found[:, 0], fakes.partners[:3])
    several = references_of(of_run, fakes.rows(slice(3)), "reals")
    distances = np.abs(several[:, :, None] - floats(LEARNED)[None, None]).max(axis=(3, 4, 5))
    assert distances.min(axis=2).max() < 1e-6


def test_sets_without_pairs_have_no_partners_and_images_alone_no_source():
    both = reals(LEARNED)._replace(unpaired=UNSEEN[:7])
    of_run = subject(learned=both, takes=("image",))
    fakes, real = examples_of(of_run, of_run.discriminator, None)
    assert fakes.images.shape == (7, *SHAPE)
    assert len(real.images) == 40
    assert fakes.beside is fakes.partners is real.beside is real.partners is None
    expected = np.abs(fakes.images[:, None] - floats(LEARNED)[None]).reshape(7, 40, -1)
    found = references_of(of_run, fakes, "nearest")[:, 0]
    nearest = np.square(expected).sum(axis=2).argmin(axis=1)
    np.testing.assert_allclose(found, floats(LEARNED[nearest]), atol=0.01)


def test_the_values_of_a_linear_judge_are_the_differences_of_image_and_partner():
    of_run = subject(learned=reals(LEARNED))
    section = critic_section(of_run, regions="2x2")
    fakes, _ = examples_of(of_run, of_run.discriminator, None)
    for each in section.numbers["images"]:
        image, real = fakes.images[each["fake"]], fakes.partners[each["fake"]]
        share = (WEIGHTS * (image - real)).reshape(2, 4, 2, 4).sum((1, 3)).ravel()
        np.testing.assert_allclose(each["values"], share, atol=1e-3)
        assert each["logit"] == pytest.approx(
            (WEIGHTS * (image - fakes.beside[each["fake"]])).sum(), abs=1e-3
        )
    assert section.numbers["fidelity"] == pytest.approx(1, abs=1e-3)
    assert section.numbers["reals_are"] == "training images"


def test_units_are_removed_and_judged_with_the_source_which_is_no_unit():
    of_run = subject(learned=reals(LEARNED))
    numbers = units_section(of_run).numbers
    assert list(numbers["layers"]) == ["second"]  # the first layer takes in the source
    effect = dict(zip(numbers["removed"]["unit"], numbers["removed"]["logit"], strict=True))
    sources = doubled(of_run.seen_sources(512)[1])[:16]
    assert effect[0] == pytest.approx(0, abs=1e-4)
    assert effect[1] == pytest.approx((WEIGHTS * -sources).sum((1, 2, 3)).mean(), rel=1e-3)
    found = masks_section(of_run).numbers["masks"]
    assert {each["path"] for each in found.values()} == {"second"}


@pytest.fixture
def pairs(tmp_path):
    arrays = {
        f"{split}_{name}": DRAW.integers(0, 256, (count, 8, 8, channels), np.uint8)
        for split, count in (("train", 20), ("test", 12))
        for name, channels in (("images", 3), ("source", 1))
    }
    np.savez(tmp_path / "pairs.npz", **arrays)
    return tmp_path / "pairs.npz"


@pytest.mark.slow
def test_a_run_of_pairs_is_explained_with_those_that_it_has_not_seen(pairs, tmp_path, capsys):
    run = tmp_path / "run"
    train.run(Config(data=str(pairs), game=Paired(**TINY), workdir=str(run), **STEPS))
    cli.main(["explain", str(run), "--n", "2", "--regions", "2x2"])
    said = capsys.readouterr().out
    content = json.loads((run / "explain/explain.json").read_text())
    assert content["protocol"]["what"] == ["critic", "units", "masks"]
    assert content["protocol"]["held_out"]["n"] == content["critic"]["fakes"] == 12
    assert content["pictures"] == ["critic.png", "attention.png", "units.png", "masks.png"]
    assert "held-out reals against fakes" in said
    other = explain.explain(run, str(pairs), what="critic", n=2, regions="2x2", out=tmp_path / "out")
    assert other.sections["critic"].numbers["auc"] == content["critic"]["auc"]
    assert load_pairs(pairs, split="test").sources.shape == (12, 8, 8, 1)
    for what, sentence in (
        ({"what": "critic,latents"}, "`what` latents and inversion look at latents, and this run makes"),
        ({"masks": "masks.npz"}, "`masks` masks.npz are of images that are made of latents, not of pictures"),
    ):
        with pytest.raises(UserError, match=sentence):
            explain.explain(run, **what)
    (run / "explain").rename(tmp_path / "first")
    with pytest.raises(UserError, match=r"export does not say how its sources are made: name the folder"):
        explain.explain((run / "export").rename(tmp_path / "export"), str(pairs))


@pytest.mark.slow
@pytest.mark.parametrize(
    "game",
    [
        pytest.param(Paired("inpainting", **TINY), id="paired", marks=pytest.mark.long),
        pytest.param(Cycle(source="digits", blocks=1, **TINY), id="cycle"),
    ],
)
def test_runs_of_one_set_and_of_two_are_explained(game, tmp_path, capsys):
    np.savez(tmp_path / "noise.npz", images=DRAW.integers(0, 256, (70, *SHAPE), np.uint8))
    config = Config(data=str(tmp_path / "noise.npz"), held_out=0.1, game=game, loss="least_squares", **STEPS)
    train.run(config.replace(workdir=str(tmp_path / "run")))
    cli.main(["explain", str(tmp_path / "run"), "--what", "critic", "--n", "2", "--regions", "2x2"])
    numbers = json.loads((tmp_path / "run/explain/explain.json").read_text())["critic"]
    assert numbers["reals_are"] == "held out"
    assert numbers["fidelity"] > numbers["fidelity_of_random_values"]
    assert "held-out reals against fakes" in capsys.readouterr().out
