"""A run in one process: its folder, its errors, own pieces, being asked to stop."""

import io
import json
import os
import signal
import stat
import sys
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import cli, data, losses, parallel, sampling, train
from jaxgan.config import Config
from jaxgan.export import load_generator
from jaxgan.names import FAMILIES
from jaxgan.networks import mlp
from jaxgan.system.errors import UserError
from pictures import forty_pictures, save_pictures

PICTURES = forty_pictures(6, 10, 3)

SMALL = {"generator": mlp.Generator((6, 10, 3), (8,)), "discriminator": mlp.Discriminator((8,))}


def tiny(workdir, **options):
    small = {"steps": 12, "batch_size": 8, "latent_dim": 5}
    small |= {"width": 4} if options.get("network") == "dcgan" else {"hidden": (8,)}
    intervals = {"log_every": 3, "sample_every": 5, "save_every": 4}
    return Config(workdir=str(workdir), **{**small, **intervals, **options})


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_penalty_of_every_third_step_is_in_each_row_of_every_third_step(tmp_path):
    train.run(tiny(tmp_path / "run", penalty="r1", penalty_every=3, log_every=1), dataset=PICTURES)
    assert [row["step"] for row in rows(tmp_path / "run") if row["penalty"] > 0] == [3, 6, 9, 12]


def test_a_run_leaves_its_folder(tmp_path, capsys):
    config = tiny(tmp_path / "run", network="dcgan", conditional=True, d_steps=2)
    result = train.run(config, dataset=PICTURES)
    folder = result.workdir
    assert result.status == "done"
    assert result.state.step == 12
    assert [row["step"] for row in rows(folder)] == [3, 6, 9, 12]
    assert all(np.isfinite(list(row.values())).all() for row in rows(folder))
    assert json.loads((folder / "status.json").read_text()) == {"state": "done", "step": 12, "why": ""}
    assert json.loads((folder / "config.json").read_text())["data"] == "pictures"
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["12", "4", "8"]
    pictures = ["reals.png", "plots/curves.png"]
    pictures += [f"samples/step_{step:08d}.png" for step in (5, 10, 12)]
    for name in pictures:
        with Image.open(folder / name) as picture:
            picture.verify()
    assert sorted(path.name for path in (folder / "samples").iterdir()) == [
        f"step_{step:08d}.png" for step in (5, 10, 12)
    ]
    out = capsys.readouterr().out
    assert "40 images 6x10x3 of pictures" in out
    assert "compiled the step in" in out
    assert "step 12/12" in out
    assert (folder / "log.txt").read_text().count("step 3/12") == 1

    # what was exported is the average generator, statistics included
    latents, labels = sampling.draw_latents(jax.random.key(0), 4, 5), jnp.arange(4)
    generator = FAMILIES["dcgan"].make(config, (6, 10, 3), 4)[0]
    expected = generator.apply(result.state.ema, latents, labels, train=False)
    np.testing.assert_allclose(load_generator(folder)(latents, labels), expected, atol=1e-6)


@pytest.mark.slow
def test_the_same_command_again_remakes_what_is_missing_and_more_steps_extend(tmp_path):
    first = train.run(tiny(tmp_path / "run"), dataset=PICTURES)
    before = rows(first.workdir)
    for name in ("samples/step_00000012.png", "plots/curves.png", "export/config.json", "reals.png"):
        (first.workdir / name).unlink()
    again = train.run(tiny(tmp_path / "run"), dataset=PICTURES)
    assert again.status == "done"
    assert rows(first.workdir) == before
    for name in ("samples/step_00000012.png", "plots/curves.png", "export/config.json", "reals.png"):
        assert (first.workdir / name).exists(), name
    more = train.run(tiny(tmp_path / "run", steps=15, log_every=5), dataset=PICTURES)
    assert more.state.step == 15
    assert [row["step"] for row in rows(first.workdir)] == [3, 6, 9, 12, 15]
    less = train.run(tiny(tmp_path / "run", steps=6), dataset=PICTURES)
    assert less.state.step == 15


@pytest.mark.slow
def test_own_modules_losses_and_penalties(tmp_path):
    class Own(nn.Module):
        @nn.compact
        def __call__(self, images, labels=None, *, train):
            return nn.Dense(1)(images.reshape(images.shape[0], -1))[:, 0]

    calls = []

    def penalty(critic, real, fake, *, keys, step):
        calls.append(keys.shape)
        return 0.5 * critic(real) ** 2

    config = tiny(tmp_path / "run", steps=2)
    result = train.run(config, dataset=PICTURES, discriminator=Own(), loss=losses.hinge, penalty=penalty)
    assert set(result.state.discriminator.params) == {"Dense_0"}
    assert (8,) in calls
    assert rows(result.workdir)[-1]["penalty"] > 0
    own = json.loads((result.workdir / "config.json").read_text())["own"]
    assert list(own) == ["discriminator", "loss", "penalty"]
    with pytest.raises(UserError, match="your own discriminator"):  # without the pieces it is another run
        train.run(config, dataset=PICTURES)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_saves_the_present_step_and_the_run_goes_on_from_there(tmp_path, number):
    config = tiny(tmp_path / "run", steps=2000, log_every=1, save_every=1000, sample_every=1000)
    sent = []

    def send_soon(row_count=20):
        path = tmp_path / "run/metrics.jsonl"
        if not sent and path.exists() and len(path.read_text().splitlines()) >= row_count:
            sent.append(number)
            os.kill(os.getpid(), number)

    class Recorder(train.Recorder):
        def call_ended(self, *inputs):
            super().call_ended(*inputs)
            send_soon()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "Recorder", Recorder)
        result = train.run(config, dataset=PICTURES, **SMALL)
    assert result.status == "preempted"
    step = int(result.state.step)
    assert 20 <= step < 2000
    status = json.loads((result.workdir / "status.json").read_text())
    assert status == {"state": "preempted", "step": step, "why": number.name}
    assert str(step) in [path.name for path in (result.workdir / "checkpoints").iterdir()]
    assert (result.workdir / "export/generator.safetensors").exists()
    result = train.run(config.replace(steps=step + 5), dataset=PICTURES, **SMALL)
    assert (result.status, int(result.state.step)) == ("done", step + 5)
    assert [row["step"] for row in rows(result.workdir)] == list(range(1, step + 6))


@pytest.mark.parametrize("devices", ["1", "2"])
@pytest.mark.slow
def test_a_run_that_goes_on_needs_the_program_it_began_with(tmp_path, devices, monkeypatch):
    programs, compile_run = [], parallel.compile_run

    def noted(step, batch_at, state, feed, key, mesh):
        programs.append(parallel.scan(step, batch_at, mesh).lower(state, feed, key, 1).as_text())
        return compile_run(step, batch_at, state, feed, key, mesh)

    monkeypatch.setattr(parallel, "compile_run", noted)
    for steps in (2, 4):
        train.run(tiny(tmp_path / "run", steps=steps, devices=devices), dataset=PICTURES, **SMALL)
    assert programs[0] == programs[1]  # else the compilation cache misses


def test_an_error_in_the_middle_is_written_down_and_what_was_saved_stays(tmp_path):
    class Recorder(train.Recorder):
        def call_ended(self, step, *inputs):
            super().call_ended(step, *inputs)
            if step == 6:
                raise RuntimeError("the disk is on fire")

    config = tiny(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "Recorder", Recorder)
        with pytest.raises(RuntimeError, match="on fire"):
            train.run(config, dataset=PICTURES, **SMALL)
    status = json.loads((tmp_path / "run/status.json").read_text())
    assert status["state"] == "failed"
    assert "the disk is on fire" in status["why"]
    assert (tmp_path / "run/checkpoints/4").is_dir()
    result = train.run(config, dataset=PICTURES, **SMALL)
    assert (result.status, int(result.state.step)) == ("done", 12)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"steps": 0}, "`steps` must be at least 1, got 0"),
        ({"batch_size": 41}, "`batch_size` 41 is more than the 40 images"),
        ({"loss": "hing"}, "did you mean hinge"),
        (
            {"penalty": "r1", "network": "dcgan", "hidden": None, "image": (8, 8)},
            "needs `discriminator_norm` none or spectral",
        ),
        ({"generator_learning_rate": float("nan")}, "`generator_learning_rate` must be a positive number"),
    ],
)
def test_a_refused_run_writes_nothing(tmp_path, options, what):
    dataset = PICTURES
    if options.pop("image", None):
        dataset = data.from_arrays(np.zeros((40, 16, 16, 1), np.uint8))
    config = tiny(tmp_path / "run").replace(**options)
    with pytest.raises(UserError, match=what):
        train.run(config, dataset=dataset)
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_that_does_not_fit_leaves_the_run_as_it_was(tmp_path):
    config = tiny(tmp_path / "run", steps=4)
    own, labels = mlp.Discriminator((8,)), {"discriminator": "mine"}
    train.run(config, dataset=PICTURES, discriminator=own, labels=labels)
    status = (tmp_path / "run/status.json").read_text()
    metrics = (tmp_path / "run/metrics.jsonl").read_text()
    with pytest.raises(
        UserError, match=r"discriminator/params/Dense_0/bias is float32\[8\], not float32\[3\]"
    ):
        train.run(config, dataset=PICTURES, discriminator=own.clone(hidden=(3,)), labels=labels)
    assert (tmp_path / "run/status.json").read_text() == status
    assert (tmp_path / "run/metrics.jsonl").read_text() == metrics


@pytest.mark.parametrize(
    "conditional", [pytest.param(True, marks=pytest.mark.slow), pytest.param(False, marks=pytest.mark.long)]
)
def test_a_streamed_run_is_the_run_from_the_device(tmp_path, conditional):
    """The batches are the same; the compiled programs differ, so the numbers agree to rounding."""
    states = {}
    for name, limit in (("device", 2.0), ("streamed", 0.0)):
        config = tiny(tmp_path / name, d_steps=2, conditional=conditional, device_data=limit)
        states[name] = train.run(config.replace(optimizer="sgd"), dataset=PICTURES).state
    for a, b in zip(*(jax.tree.leaves(state) for state in states.values()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_streamed_run_in_pieces_is_bit_equal(tmp_path):
    config = tiny(tmp_path / "whole", device_data=0.0)
    whole = train.run(config, dataset=PICTURES).state
    for steps in (5, 12):
        pieces = train.run(
            config.replace(workdir=str(tmp_path / "pieces"), steps=steps), dataset=PICTURES
        ).state
    jax.tree.map(np.testing.assert_array_equal, *map(jax.tree.leaves, (whole, pieces)))


@pytest.mark.slow
def test_quiet_and_tensorboard(tmp_path, capfd):
    config = tiny(tmp_path / "run", quiet=True, tensorboard=True)
    result = train.run(config, dataset=PICTURES, **SMALL)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert "step 12/12" in (result.workdir / "log.txt").read_text()
    events = b"".join(path.read_bytes() for path in (result.workdir / "tb").iterdir())
    assert b"discriminator_loss" in events
    assert b"samples" in events


@pytest.mark.slow
def test_the_gif_shows_every_grid(tmp_path):
    result = train.run(tiny(tmp_path / "run"), dataset=PICTURES, **SMALL)
    with Image.open(result.workdir / "samples.gif") as gif:
        assert gif.n_frames == 3
        assert max(gif.size) <= 480
    assert (result.workdir / "samples.gif").stat().st_size < 500_000


def folder_run(workdir, source, **options):
    """Train on a folder of pictures with tiny networks."""
    small = {"network": "mlp", "data": source, "quiet": True, "save_every": 4}
    return train.run(tiny(workdir, **{**small, **options}))


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two folders named pics with as many pictures of one size, and the current folder above them."""
    for name, images in (("a", PICTURES.images), ("b", 255 - PICTURES.images)):
        save_pictures(tmp_path / name / "pics", images)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_run_knows_its_data_by_content_and_not_by_path(places, monkeypatch):
    monkeypatch.chdir(places / "a")
    folder_run("../run", "pics", steps=4)
    settings = json.loads((places / "run/config.json").read_text())
    assert settings["data"] == str(places / "a/pics")
    assert settings["fingerprint"]["images"] == [40, 6, 10, 3]
    assert settings["fingerprint"] == json.loads((places / "run/export/config.json").read_text())["data"]
    monkeypatch.chdir(places / "b")
    with pytest.raises(UserError, match="the data have the same number and size, but another content"):
        folder_run("../run", "pics", steps=8)
    (places / "a").rename(places / "moved")
    monkeypatch.chdir(places)
    for steps, source in ((8, "moved/pics/"), (12, "./moved/../moved/pics"), (16, Path("moved/pics"))):
        folder_run("run", source, steps=steps, image_size="6x10")
    settings = json.loads((places / "run/config.json").read_text())
    assert settings["data"] == str(places / "moved/pics")
    (places / "moved/pics/039.png").unlink()
    with pytest.raises(UserError, match="the data were 40 images 6x10x3, and are 39 images 6x10x3 now"):
        folder_run("run", "moved/pics", steps=20)


@pytest.mark.slow
def test_a_run_of_an_older_version_gets_a_fingerprint(places, capsys):
    folder_run("run", "a/pics", steps=4)
    settings = json.loads(Path("run/config.json").read_text())
    fingerprint = settings.pop("fingerprint")
    del settings["own_data"], settings["held_out"]
    Path("run/config.json").write_text(json.dumps(settings | {"images": [40, 6, 10, 3], "data": "a/pics"}))
    folder_run("run", "a/pics", steps=8, quiet=False)
    said = capsys.readouterr().out
    assert "kept no fingerprint of the run's data: it is now that of" in said
    assert "augmented" not in said
    assert json.loads(Path("run/config.json").read_text())["fingerprint"] == fingerprint
    folder_run("run", "a/pics", steps=12, quiet=False)
    assert "fingerprint" not in capsys.readouterr().out
    augmented = {"penalty": "r1", "augment": ["color"]}
    Path("run/config.json").write_text(json.dumps(settings | augmented | {"images": [40, 6, 10, 3]}))
    folder_run("run", "a/pics", steps=16, quiet=False, **augmented)
    assert "took the penalty's gradient by the augmented images" in capsys.readouterr().out
    Path("run/config.json").write_text(json.dumps(settings | {"images": [41, 6, 10, 3]}))
    with pytest.raises(UserError, match="the data were 41 images"):
        folder_run("run", "a/pics", steps=16)


@pytest.mark.slow
def test_class_names_are_kept_and_compared(tmp_path):
    for i, name in enumerate(("cat", "dog")):
        save_pictures(tmp_path / "pics" / name, PICTURES.images[i::2])
    folder_run(tmp_path / "run", tmp_path / "pics", steps=4, conditional=True)
    settings = json.loads((tmp_path / "run/config.json").read_text())
    description = json.loads((tmp_path / "run/export/config.json").read_text())
    assert settings["fingerprint"]["class_names"] == description["class_names"] == ["cat", "dog"]
    (tmp_path / "pics/dog").rename(tmp_path / "pics/fox")
    with pytest.raises(UserError, match="the classes were cat, dog, and are cat, fox now"):
        folder_run(tmp_path / "run", tmp_path / "pics", steps=8, conditional=True)


@pytest.mark.slow
def test_held_out_images_are_not_trained_on(tmp_path):
    np.savez(tmp_path / "images.npz", images=PICTURES.images, labels=PICTURES.labels)
    folder_run(tmp_path / "run", tmp_path / "images.npz", steps=4, held_out=0.1)
    settings = json.loads((tmp_path / "run/config.json").read_text())
    assert settings["fingerprint"]["images"] == [36, 6, 10, 3]
    folder_run(tmp_path / "run", tmp_path / "images.npz", steps=8, held_out=0.1)
    with pytest.raises(UserError, match="36 images 6x10x3, and are 40 images 6x10x3 now"):
        folder_run(tmp_path / "run", tmp_path / "images.npz", steps=12)
    config = tiny(tmp_path / "own", steps=4, held_out=0.25)
    train.run(config, dataset=PICTURES, **SMALL)
    assert "of 30 images" not in (tmp_path / "own/log.txt").read_text()
    assert "10 of the 40 images are held out" in (tmp_path / "own/log.txt").read_text()
    with pytest.raises(UserError, match=r"`held_out` 0.001 of 40 images leaves no image on one side"):
        train.run(config.replace(held_out=0.001), dataset=PICTURES, **SMALL)


@pytest.mark.parametrize("dataset", [PICTURES.images, {"images": PICTURES.images}, "digits"])
def test_a_data_set_that_is_none_is_one_sentence(tmp_path, dataset):
    with pytest.raises(UserError, match=r"`dataset` is a Dataset, got .*: data.from_arrays"):
        train.run(tiny(tmp_path / "run"), dataset=dataset, **SMALL)
    assert not (tmp_path / "run").exists()


def test_empty_names_of_data_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "runs", PICTURES.images)
    for source in ("", " "):
        with pytest.raises(UserError, match="`data` is empty: give the name of a data set or a path"):
            train.run(Config(data=source))


ENVIRONMENTS = {
    "rbg": lambda: jax.default_prng_impl("rbg"),
    "not partitionable": lambda: jax.threefry_partitionable(False),
    "x64": lambda: jax.enable_x64(True),
    "NaN checks": lambda: jax.debug_nans(True),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run as it is without any settings of the environment's."""
    return train.run(tiny(tmp_path_factory.mktemp("plain") / "run"), dataset=PICTURES, **SMALL).workdir


def assert_same_run(run, plain):
    for name in ("metrics.jsonl", "export/generator.safetensors", "samples/step_00000012.png"):
        assert (run / name).read_bytes() == (plain / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_run_is_the_same_whatever_jax_is_told(tmp_path, plain, name):
    with ENVIRONMENTS[name]():
        run = train.run(tiny(tmp_path / "run"), dataset=PICTURES, **SMALL)
    assert_same_run(run.workdir, plain)


@pytest.mark.slow
def test_a_run_whose_folder_and_output_know_no_text_is_the_same(tmp_path, plain, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    run = train.run(tiny(tmp_path / "rün \udcff", steps=9), dataset=PICTURES, **SMALL)
    monkeypatch.setattr(sys, "stdout", None)
    run = train.run(tiny(tmp_path / "rün \udcff"), dataset=PICTURES, **SMALL)
    assert_same_run(run.workdir, plain)
    assert rb"done at step 9: see" in out.buffer.getvalue()
    assert rb"r\xfcn \udcff" in out.buffer.getvalue()
    assert "done at step 12" in (run.workdir / "log.txt").read_text(encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        cli.sample(run.workdir, out=tmp_path / "\udcff.npz")
        cli.check(run.workdir)
    assert (tmp_path / "\udcff.npz").exists()
    assert rb"64 images of step 12 in" in out.buffer.getvalue()


@pytest.mark.long
def test_without_jit_a_run_goes_on_uncompiled(tmp_path, plain):
    train.run(tiny(tmp_path / "run", steps=11), dataset=PICTURES, **SMALL)
    with jax.disable_jit():
        run = train.run(tiny(tmp_path / "run"), dataset=PICTURES, **SMALL)
    rows = [
        json.loads((path / "metrics.jsonl").read_text().splitlines()[-1]) for path in (run.workdir, plain)
    ]
    assert rows[0] == pytest.approx(rows[1], rel=1e-3)


@pytest.mark.usefixtures("umask_of_a_group")
@pytest.mark.slow
def test_every_file_of_a_run_has_the_mode_of_the_umask(tmp_path):
    train.run(tiny(tmp_path / "run", steps=5, tensorboard=True), dataset=PICTURES, **SMALL)
    assert (tmp_path / "run/export/generator.safetensors").exists()
    for path in (tmp_path / "run").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o750 if path.is_dir() else 0o640), path


@pytest.fixture
def umask_of_a_group():
    before = os.umask(0o027)
    yield
    os.umask(before)
