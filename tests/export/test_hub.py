"""The Hub: a card that its own library reads, and generators from its cache."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from exported_families import inputs, write
from jaxgan import cli, export, representation
from jaxgan.export.hub import card, local_copy
from jaxgan.representation.report import output_file
from jaxgan.system.errors import UserError

METRIC = {
    "metric": "fid",
    "results": [{"name": "FID-mnist-cnn", "value": 4.14, "n_fake": 10}],
    "protocol": {"against": "mnist", "split": "test", "n_real": 10_000, "extractor": "mnist-cnn"},
    "notes": [],
}
DESCRIPTION = {
    "network": "dcgan", "image_shape": [28, 28, 1], "num_classes": None, "latent_dim": 64, "step": 4000,
}  # fmt: skip


def test_the_hubs_library_reads_the_card():
    text = card(
        DESCRIPTION,
        title='digits: "mine"',
        license="cc-by-4.0",
        settings={"data": "mnist", "loss": "hinge", "penalty": None},
        metrics=[METRIC],
        warnings=["mode collapse | at step 3,000"],
    )
    read = ModelCard(text)
    assert (read.data.license, read.data.library_name) == ("cc-by-4.0", "jaxgan")
    assert read.data.pipeline_tag == "unconditional-image-generation"
    (result,) = read.data.eval_results
    assert (result.metric_name, result.metric_value, result.dataset_name) == ("FID-mnist-cnn", 4.14, "mnist")
    assert "- mode collapse at step 3,000" in text
    assert "| loss | hinge |" in text
    assert "penalty" not in text


def test_a_run_without_measurements_says_so():
    text = card(DESCRIPTION, title="a", license="mit", settings={}, metrics=[], warnings=[])
    assert "Nothing was measured" in text
    assert ModelCard(text).data.eval_results is None


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the Hub with the repository somebody/digits, as its library lays it out."""
    repository = tmp_path / "cache/models--somebody--digits"
    snapshot = repository / "snapshots" / ("a" * 40)
    write(snapshot, "mlp", None)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("a" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        "huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path / "cache"), raising=False
    )
    return snapshot


@pytest.mark.parametrize(
    "address", ["hf://somebody/digits", "hf:/somebody/digits", "hf://somebody/digits@main"]
)
def test_a_generator_is_loaded_from_the_hub(address, cache):
    latents = inputs(None)[0]
    images = export.load_generator(address)(latents)
    np.testing.assert_array_equal(images, export.load_generator(cache)(latents))
    assert export.load_discriminator(address)(images).shape == (3,)


def test_a_repository_that_is_not_there_is_one_sentence(cache):
    with pytest.raises(UserError, match=r"hf://somebody/faces could not be fetched: .") as error:
        export.load_generator("hf://somebody/faces")
    assert "\n" not in str(error.value)
    shutil.rmtree(cache)
    with pytest.raises(UserError, match=r"could not be fetched|no exported generator"):
        export.load_generator("hf://somebody/digits")


@pytest.mark.parametrize(
    "address",
    ["hf://digits", "hf://a/../b", "hf://../b", "hf://a/b/c", "hf://a/b@../c", "hf://-a/b", "hf:a/b"],
)
def test_a_hostile_address_is_refused(address):
    with pytest.raises(UserError, match="is no repository of the Hub"):
        local_copy(address)


def test_other_paths_are_no_addresses(tmp_path):
    assert local_copy(tmp_path) is None
    assert local_copy("hfolder") is None


def test_the_command_line_takes_a_repository(cache, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.main(["sample", "hf://somebody/digits", "--n", "4", "--out", "made.npz"])
    assert "4 images of step 7 in made.npz" in capsys.readouterr().out
    assert output_file("hf:/somebody/digits", None, "probe.json") == Path("probe.json")
    reader = representation.open_reader("hf://somebody/digits")
    assert reader.generate(inputs(None)[0]).shape == (3, 16, 16, 3)
