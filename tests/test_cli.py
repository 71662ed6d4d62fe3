"""The commands as a user types them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxgan
from jaxgan import cli, data, train
from jaxgan.config import Config
from jaxgan.networks import stylegan2
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


@pytest.mark.slow
def test_interpolate_walks_a_class_a_row(run_folder, tmp_path):
    out = tmp_path / "strip.png"
    walk = ["interpolate", str(run_folder), "--rows", "3", "--steps", "5", "--out", str(out), "--gif"]
    cli.main([*walk, "--video", str(tmp_path / "walk.gif")])
    with Image.open(out) as strip:
        assert strip.size == (5 * 9 * 14 + 14, 3 * 9 * 14 + 14)  # cells of 8 pixels and a gutter, enlarged
    with Image.open(tmp_path / "strip.gif") as gif:
        assert gif.n_frames == 8  # there and back
    with Image.open(tmp_path / "walk.gif") as film:
        assert film.n_frames > 40  # as many whatever the steps; frames that are alike are one
    generate = jaxgan.load_generator(run_folder)
    ends = jaxgan.sampling.draw_latents(jax.random.key(0), 6, 100)
    first = jaxgan.sampling.sample(generate, ends[:3], jnp.arange(3))
    with Image.open(out) as strip:
        pixels = np.asarray(strip)[::14, ::14]
    for row in range(3):
        cell = pixels[row * 9 + 1 : row * 9 + 9, 1:9].astype(int)
        assert np.abs(cell - first[row, ..., 0]).max() <= 1


def test_chosen_classes_are_drawn_by_number_or_name(run_folder, tmp_path, capsys):
    cli.main(["sample", str(run_folder), "--n", "12", "--out", str(tmp_path / "all.npz")])
    for chosen, numbers in (("3", [3]), ("7, 2", [7, 2])):
        cli.main(
            ["sample", str(run_folder), "--n", "12", "--class", chosen, "--out", str(tmp_path / "some.npz")]
        )
        with np.load(tmp_path / "all.npz") as every, np.load(tmp_path / "some.npz") as some:
            np.testing.assert_array_equal(some["labels"], np.resize(numbers, 12))
            same = some["labels"] == every["labels"]
            np.testing.assert_array_equal(some["images"][same], every["images"][same])
    description = json.loads((run_folder / "export/config.json").read_text())
    assert "class_names" not in description
    shutil.copytree(run_folder / "export", tmp_path / "named")
    names = [f"kind {chr(97 + i)}" for i in range(10)]
    (tmp_path / "named/config.json").write_text(json.dumps(description | {"class_names": names}))
    folder = tmp_path / "pictures"
    cli.main(
        ["sample", str(tmp_path / "named"), "--n", "3", "--class", "kind c,kind e", "--out", str(folder)]
    )
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    assert files == ["kind c/000000.png", "kind c/000002.png", "kind e/000001.png"]
    with Image.open(folder / "kind c/000000.png") as picture:
        assert (picture.size, picture.mode) == ((8, 8), "L")
    assert data.load(folder, conditional=True).class_names == ("kind c", "kind e")


@pytest.mark.slow
def test_a_truncation_of_zero_draws_one_image(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = stylegan2.Generator((4, 4, 1), 4, 1, 1, 2)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 3)), train=False)
    options = {"image_shape": (4, 4, 1), "latent_dim": 3, "num_classes": None, "step": 5}
    jaxgan.export.save_generator(tmp_path / "style", module, jax.device_get(variables), **options)
    for truncation in ("0", "1"):
        cli.main(["sample", "style", "--n", "3", "--truncation", truncation, "--out", f"{truncation}.npz"])
    one, several = (np.load(f"{truncation}.npz")["images"] for truncation in ("0", "1"))
    np.testing.assert_array_equal(one, np.broadcast_to(one[:1], one.shape))
    assert (several != several[:1]).any()
    strip = ["interpolate", "style", "--rows", "2", "--steps", "2", "--out", "strip.png"]
    cli.main([*strip, "--truncation", "0"])
    with Image.open("strip.png") as picture:
        cells = np.asarray(picture)[::58, ::58]  # cells of 4 pixels and a gutter, enlarged
    np.testing.assert_array_equal(cells[1:5, 1:5], cells[6:10, 6:10])
    with pytest.raises(SystemExit):
        cli.main([*strip, "--truncation", "1.5"])
    assert "--truncation must be at least 0 and at most 1, got 1.5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["interpolate", "RUN", "--steps", "1"], "--steps at least 2, got 8 and 1"),
        (["interpolate", "RUN", "--out", "strip.gif"], "--out must end in .png"),
        (["interpolate", "RUN", "--video", "walk.avi"], "--video must end in .mp4 or .gif, got walk.avi"),
        (["interpolate", "nothing"], "there is no run, no folder and no file at nothing"),
        (["data", "prepare", "imagenet"], 'cannot prepare "imagenet", only mnist, fashion_mnist, cifar10'),
        (["data", "prepare", "mnist", "--from", "nowhere", "--data-dir", "tfds"], "nowhere"),
        (["sample", "nothing"], "there is no run, no folder and no file at nothing"),
        (
            ["data", "prepare", "mnist", "--data-dir", "tfds", "--unverified"],
            "--unverified takes files of yours",
        ),
        (["sample", "RUN", "--n", "0"], "--n must be at least 1, got 0"),
        (["sample", "RUN", "--n", "1000000000000"], "--n 1,000,000,000,000 needs at least 464,000 GB"),
        (
            ["interpolate", "RUN", "--rows", "10000000", "--steps", "9999"],
            "--rows 10,000,000 of --steps 9,999",
        ),
        (["sample", "RUN", "--seed", "-1"], "--seed must be"),
        (
            ["sample", "RUN", "--out", "grid.jpg"],
            "must end in .png or .npz, or be a new folder, got grid.jpg",
        ),
        (["sample", "RUN", "--out", "RUN"], ", or be a new folder, got"),
        (["sample", "RUN", "--truncation", "0.5"], "--truncation 0.5 has no effect on a generator of mlp"),
        (["interpolate", "RUN", "--truncation", "1"], "--truncation 1.0 has no effect on a generator of mlp"),
        (
            ["sample", "RUN", "--standing-statistics", "16"],
            "--standing-statistics 16 has no effect on a mlp generator, which has no batch normalization",
        ),
        (["sample", "RUN", "--class", "10"], "--class 10 is unknown: there are 0 to 9"),
        (["sample", "RUN", "--class", "cat"], "--class cat is unknown: there are 0 to 9"),
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


OTHERS = {
    "rbg": lambda: jax.default_prng_impl("rbg"),
    "not partitionable": lambda: jax.threefry_partitionable(False),
    "x64": lambda: jax.enable_x64(True),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.slow
def test_samples_and_scores_are_the_same_whatever_jax_is_told(run_folder, tmp_path, digits_cnn, other):
    def results(name):
        cli.sample(run_folder, n=20, out=tmp_path / f"{name}.npz")
        report = jaxgan.evaluate.evaluate(run_folder, metrics="fid", n=100, out=tmp_path)
        with np.load(tmp_path / f"{name}.npz") as arrays:
            return arrays["images"], report.scalars

    images, scores = results("plain")
    with OTHERS[other]():
        other_images, other_scores = results("other")
    np.testing.assert_array_equal(images, other_images)
    assert scores == other_scores


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--stop-at", "fid=1"), "set --evaluate-every"),
        (("--evaluate-every", "5", "--metrics", "fod"), "--metrics fod is unknown"),
        (("--evaluate-every", "5", "--extractor", "inception-2015"), "needs --inception-weights"),
        (("--evaluate-every", "5", "--efficientnet-weights", "none.pth"), "no file of weights none.pth"),
        (("--devices", "3"), "--devices 3: this machine has 2"),
        (("--batch-size", "7"), "--batch-size 7 does not divide over 2 devices"),
    ],
)
def test_a_dry_run_refuses_what_a_run_refuses(options, what, tmp_path, capsys):
    assert main("--dry-run", "--workdir", tmp_path / "run", *options) == 2
    assert what in capsys.readouterr().err


@pytest.mark.slow
def test_profile_writes_a_trace(tmp_path):
    train_tiny(tiny(tmp_path / "run", steps=4, profile=True))
    assert list((tmp_path / "run/profile").rglob("*.xplane.pb"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        "train",
        "evaluate RUN",
        *(
            pytest.param(line, marks=pytest.mark.long)
            for line in ("train --dry-run", "sample RUN", "interpolate RUN", "check RUN", "sweep FILE")
        ),
    ],
)
def test_a_platform_that_is_not_there_is_one_sentence(tmp_path, run_folder, arguments):
    file = Path(__file__).parent.parent / "experiments/digits_mlp.py"
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "jaxgan.cli",
            *arguments.replace("RUN", str(run_folder)).replace("FILE", str(file)).split(),
        ],
        cwd=tmp_path,
        env=os.environ | {"JAX_PLATFORMS": "nonesuch"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "error: JAX_PLATFORMS=nonesuch: JAX finds no such device on this machine ("
    )
    assert len(ended.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


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


class TestResume:
    @pytest.fixture
    def run(self, tmp_path):
        np.savez(
            tmp_path / "images.npz", images=np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), np.uint8)
        )
        self.main("train", "--data", tmp_path / "images.npz", "--recipe", "mlp", "--hidden", "8", "--loss", "hinge",
                  "--steps", 3, "--batch-size", 8, "--quiet", "--workdir", tmp_path / "run")  # fmt: skip
        return tmp_path / "run"

    @staticmethod
    def main(*arguments):
        with pytest.raises(SystemExit) as caught:
            cli.main([str(argument) for argument in arguments])
        return caught.value.code

    def test_a_run_goes_on_by_the_settings_in_its_folder(self, run, tmp_path, monkeypatch):
        settings = json.loads((run / "config.json").read_text())
        run.rename(tmp_path / "moved")
        monkeypatch.chdir(tmp_path.parent)
        assert self.main("resume", tmp_path / "moved", "--steps", 5) == 0
        assert json.loads((tmp_path / "moved/status.json").read_text())["step"] == 5
        resumed = json.loads((tmp_path / "moved/config.json").read_text())
        assert resumed == settings | {"steps": 5, "workdir": str(tmp_path / "moved")}

    def test_mistakes_are_one_sentence(self, run, tmp_path, capsys):
        assert self.main("resume", run, "--loss", "minimax") == 2
        assert "loss was hinge, is now minimax" in capsys.readouterr().err
        assert self.main("resume", tmp_path) == 2
        assert "there is no run in" in capsys.readouterr().err
        assert self.main("resume") == 2
        assert "name the folder of the run first" in capsys.readouterr().err
        train_tiny(tiny(tmp_path / "own"))
        capsys.readouterr()
        assert self.main("resume", tmp_path / "own") == 2
        assert "has pieces of its own (generator, discriminator, data)" in capsys.readouterr().err

    def test_the_refusal_of_another_run_names_the_way_back(self, run, tmp_path, capsys):
        assert self.main("train", "--data", "digits", "--workdir", run) == 2
        message = capsys.readouterr().err
        assert f"The run that is there:  jaxgan resume {run}" in message
        assert f"--workdir {run}-2" in message


def test_class_names_of_a_stranger_lead_nowhere_else(run_folder, tmp_path, capsys):
    shutil.copytree(run_folder / "export", tmp_path / "export")
    file = tmp_path / "export/config.json"
    description = json.loads(file.read_text())
    names = ["..", "../..", "/etc", ".", "", *map(str, range(5, 10))]
    file.write_text(json.dumps(description | {"class_names": names}))
    cli.main(["sample", str(tmp_path / "export"), "--n", "5", "--out", str(tmp_path / "a/b/out")])
    assert len(list((tmp_path / "a/b/out").glob("*/*.png"))) == len(list(tmp_path.rglob("*.png"))) == 5
    for wrong, what in (([1] * 10, "no list of strings"), (["a"], "it has 1 class_names for 10 classes")):
        file.write_text(json.dumps(description | {"class_names": wrong}))
        with pytest.raises(SystemExit):
            cli.main(["sample", str(tmp_path / "export"), "--out", str(tmp_path / "x.png")])
        assert what in capsys.readouterr().err
