"""The commands as a user types them."""

import os
import re
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxgan
from jaxgan import cli, data, train
from jaxgan.config import Config
from tiny_runs import tiny, train_tiny


@pytest.fixture
def run_folder(digits_run):
    return digits_run


def test_version(capsys):
    cli.main(["--version"])
    assert capsys.readouterr().out == f"jaxgan {jaxgan.__version__}\n"


def test_sample_makes_a_grid_and_arrays(run_folder, tmp_path, capsys):
    cli.main(["sample", str(run_folder), "--n", "20", "--seed", "1", "--out", str(tmp_path / "grid.PNG")])
    with Image.open(tmp_path / "grid.PNG") as picture:
        assert picture.mode == "L"
    assert "20 images of step 2" in capsys.readouterr().out
    made = {}
    for count in (20, 5):
        out = tmp_path / f"{count}.npz"
        cli.main(["sample", str(run_folder), "--n", str(count), "--seed", "1", "--out", str(out)])
        made[count] = dict(np.load(out, allow_pickle=False))
    assert made[20]["images"].shape == (20, 8, 8, 1)
    assert made[20]["images"].dtype == np.uint8
    np.testing.assert_array_equal(made[20]["labels"], np.arange(20) % 10)
    difference = made[20]["images"][:5].astype(int) - made[5]["images"]
    assert np.abs(difference).max() <= 1  # the same images: another batch size may round otherwise
    cli.main(["sample", str(run_folder), "--n", "5", "--seed", "2", "--out", str(tmp_path / "other.npz")])
    assert (np.load(tmp_path / "other.npz")["images"] != made[5]["images"]).any()


def test_interpolate_walks_a_class_a_row(run_folder, tmp_path):
    out = tmp_path / "strip.png"
    cli.main(["interpolate", str(run_folder), "--rows", "3", "--steps", "5", "--out", str(out), "--gif"])
    with Image.open(out) as strip:
        assert strip.size == (5 * 9 * 14 + 14, 3 * 9 * 14 + 14)  # cells of 8 pixels and a gutter, enlarged
    with Image.open(tmp_path / "strip.gif") as gif:
        assert gif.n_frames == 8  # there and back
    generate = jaxgan.load_generator(run_folder)
    ends = jaxgan.sampling.draw_latents(jax.random.key(0), 6, 100)
    first = jaxgan.sampling.sample(generate, ends[:3], jnp.arange(3))
    with Image.open(out) as strip:
        pixels = np.asarray(strip)[::14, ::14]
    for row in range(3):
        cell = pixels[row * 9 + 1 : row * 9 + 9, 1:9].astype(int)
        assert np.abs(cell - first[row, ..., 0]).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["interpolate", "RUN", "--steps", "1"], "--steps at least 2, got 8 and 1"),
        (["interpolate", "RUN", "--out", "strip.gif"], "--out must end in .png"),
        (["interpolate", "nothing"], "there is no checkpoint in nothing"),
        (["data", "prepare", "imagenet"], 'cannot prepare "imagenet", only mnist, fashion_mnist, cifar10'),
        (["data", "prepare", "mnist", "--from", "nowhere", "--data-dir", "tfds"], "nowhere"),
        (
            ["data", "prepare", "mnist", "--data-dir", "tfds", "--unverified"],
            "--unverified takes files of yours",
        ),
        (["sample", "nothing"], "there is no checkpoint in nothing"),
        (["sample", "RUN", "--n", "0"], "--n must be at least 1, got 0"),
        (["sample", "RUN", "--n", "1000000000000"], "--n 1,000,000,000,000 needs at least 464,000 GB"),
        (
            ["interpolate", "RUN", "--rows", "10000000", "--steps", "9999"],
            "--rows 10,000,000 of --steps 9,999",
        ),
        (["sample", "RUN", "--seed", "-1"], "--seed must be"),
        (["sample", "RUN", "--out", "grid.jpg"], "must end in .png or .npz"),
        (["sample", "RUN", "--out", "/proc/nowhere/grid.png"], "cannot write --out /proc/nowhere/grid.png"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    run_folder, tmp_path, monkeypatch, capsys, arguments, what
):
    monkeypatch.chdir(tmp_path)
    arguments = [str(run_folder) if argument == "RUN" else argument for argument in arguments]
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert what in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def main(*arguments):
    with pytest.raises(SystemExit) as caught:
        train.main(Config(), "Test.", [str(argument) for argument in arguments])
    return caught.value.code


def test_an_experiments_mistakes_are_sentences(run_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["experiments/x.py", "--loss", "hinge", "--workdir", str(run_folder)])
    assert main("--loss", "hinge", "--conditional", "--batch-size", "8", "--workdir", run_folder) == 2
    message = capsys.readouterr().err
    assert "loss was non_saturating, is now hinge" in message
    command = f"python experiments/x.py --loss hinge --workdir {run_folder}-2"
    assert message.rstrip().endswith(command)
    file = tmp_path / "file"
    file.write_text("mine")
    assert main("--workdir", file) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert file.read_text() == "mine"
    assert main("--learning-rate", "1") == 2


def test_a_dry_run_writes_nothing(tmp_path, capsys):
    assert main("--dry-run", "--workdir", tmp_path / "run") == 0
    out = capsys.readouterr().out
    for what in ("--loss", "609,872 parameters", "GFLOP", "MB"):
        assert what in out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--stop-at", "fid=1"), "set --evaluate-every"),
        (("--evaluate-every", "5", "--metrics", "fod"), "--metrics fod is unknown"),
        (("--evaluate-every", "5", "--extractor", "inception-2015"), "needs --inception-weights"),
        (("--evaluate-every", "5", "--efficientnet-weights", "none.pth"), "no file of weights none.pth"),
    ],
)
def test_a_dry_run_looks_at_the_options_of_evaluations(options, what, tmp_path, capsys):
    assert main("--dry-run", "--workdir", tmp_path / "run", *options) == 2
    assert what in capsys.readouterr().err


def test_profile_writes_a_trace(tmp_path):
    train_tiny(tiny(tmp_path / "run", steps=4, profile=True))
    assert list((tmp_path / "run/profile").rglob("*.xplane.pb"))


@pytest.mark.slow
def test_ctrl_c_in_a_real_process(tmp_path, request):
    script = request.config.rootpath / "experiments/digits_mlp.py"
    command = [sys.executable, str(script), "--workdir", "run", "--log-every", "5"]
    environment = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"}
    log = tmp_path / "out.txt"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=out)
        deadline = time.monotonic() + 120
        while "step 20/6,000" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 75
    said = log.read_text()
    assert "stopped at step" in said
    assert "Traceback" not in said
    stopped = int(said.split("stopped at step ")[1].split(";")[0].replace(",", ""))
    result = subprocess.run(
        [*command, "--steps", str(stopped + 3)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"goes on at step {stopped:,}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--data", "mnist", "--data-dir", "empty"], "jaxgan data prepare mnist"),
        (["--data", "no/such/folder"], "no/such/folder"),
        (["--data", "no.npz"], "no.npz"),
        (["--image-size", "8by8"], "--image-size is H or HxW"),
        (["--channels", "2"], "--channels"),
        (["--batch-size", "2000"], "--batch-size 2000 is more than the 1,?797 images"),
        (["--beta1", "nan"], "--beta1 must be at least 0 and below 1, got nan"),
    ],
)
def test_data_that_cannot_be_had_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, what):
    monkeypatch.chdir(tmp_path)
    assert main(*arguments, "--workdir", "run") == 2
    message = capsys.readouterr().err
    assert re.search(what, message), message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_digits_are_the_default():
    assert data.digits().name == Config().data
