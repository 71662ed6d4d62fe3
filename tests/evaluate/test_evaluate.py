"""Runs, folders and arrays against real images: the numbers, the files, the mistakes."""

import errno
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import cli, data, evaluate, export, features, metrics, sampling
from jaxgan.evaluate import command, fakes, reals
from jaxgan.features import extractor
from jaxgan.networks import dcgan
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError

DIGITS = data.digits()


@pytest.fixture
def run(digits_run, tmp_path):
    shutil.copytree(digits_run, tmp_path / "run")
    return tmp_path / "run"


def save(file, images, labels=None):
    np.savez(file, images=images, **({} if labels is None else {"labels": labels}))
    return file


def main(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(["evaluate", *map(str, arguments)])
    return caught.value.code


@pytest.mark.slow
def test_a_run_is_measured_as_by_calls_of_the_metrics(run, digits_cnn, capsys):
    cli.main(["evaluate", str(run), "--n", "600", "--metrics", "fid,prdc,modes", "--seed", "3"])
    rows = np.random.default_rng(0).permutation(1797)[:600]
    latents = sampling.draw_latents(jax.random.key(3), 600, 100)
    fakes = sampling.sample(export.load_generator(run), latents, jax.numpy.asarray(DIGITS.labels[rows]))
    expected = metrics.frechet_distance(digits_cnn(DIGITS.images[rows]), digits_cnn(fakes)).value
    record = json.loads((run / "metric-fid.json").read_text())
    assert record["results"][0]["value"] == pytest.approx(expected, rel=1e-4)
    assert record["results"][0]["name"] == "FID-digits-cnn"
    protocol = record["protocol"]
    assert (protocol["weights"], protocol["step"], protocol["seed"]) == ("EMA", 2, 3)
    assert (protocol["n_fake"], protocol["n_real"], protocol["against"]) == (600, 600, "digits")
    assert protocol["extractor_hash"] == digits_cnn.hash
    real_sevens = rows[DIGITS.labels[rows] == 7]
    fake_sevens = fakes[DIGITS.labels[rows] == 7]
    with pytest.warns(UserWarning, match="for 64 dimensions"):
        expected = metrics.frechet_distance(
            digits_cnn(DIGITS.images[real_sevens]), digits_cnn(fake_sevens)
        ).value
    assert record["per_class"]["7"]["fid"] == pytest.approx(expected, rel=1e-3)
    classes = digits_cnn.outputs(fakes).logits.argmax(axis=1)
    agreement = (classes[DIGITS.labels[rows] == 7] == 7).mean()
    assert record["per_class"]["7"]["agreement"] == pytest.approx(agreement, abs=0.02)
    both = json.loads((run / "metric-prdc.json").read_text())["results"]
    assert [result["k"] for result in both] == [3, 5]
    modes = json.loads((run / "metric-modes.json").read_text())["results"][0]
    assert modes["modes"] == len(np.unique(classes))
    out = capsys.readouterr().out
    assert "FID-digits-cnn" in out
    assert "class  fid" in out
    assert "note: per class: real_features: " in out  # few of a class


def test_standing_statistics_change_the_fakes_and_stand_in_the_protocol(tmp_path, digits_cnn):
    module = dcgan.Generator((8, 8, 1), 2)
    variables = jax.jit(lambda: module.init(jax.random.key(0), jax.numpy.zeros((1, 6)), train=False))()
    options = {"image_shape": (8, 8, 1), "latent_dim": 6, "num_classes": None, "step": 1}
    export.save_generator(tmp_path / "dcgan", module, variables, **options)

    def measured(*more):
        given = ("--against", "digits", "--metrics", "kid", "--n", "100", "--out", str(tmp_path))
        cli.main(["evaluate", str(tmp_path / "dcgan"), *given, *more])
        record = json.loads((tmp_path / "metric-kid.json").read_text())
        return record["protocol"]["batch_norm"], record["results"][0]["value"]

    before, after = measured(), measured("--standing-statistics", "2")
    assert (before[0], after[0]) == ("running averages", "standing statistics of 2 batches")
    assert before[1] != after[1]


def test_any_function_of_latents_can_be_measured():
    def generate(latents, labels):
        return np.tanh(latents[:, :4].reshape(-1, 2, 2, 1))

    fakes = evaluate.from_generator(generate, latent_dim=6, n=301)
    pixels = features.from_function("pixels", lambda images: images.reshape(len(images), -1))
    latents = np.asarray(sampling.draw_latents(jax.random.key(0), 301, 6))
    real = data.from_arrays(np.random.default_rng(1).uniform(-1, 1, (400, 2, 2, 1)).astype(np.float32))
    reals = evaluate.Reals("noise", None, extractor.eight_bits(real.images), None, None)
    report = evaluate.measure(fakes, reals, pixels, ("fid", "kid"))
    expected = metrics.frechet_distance(
        pixels(real.images), np.round(127.5 * (np.tanh(latents[:, :4]) + 1)) / 127.5 - 1
    )
    assert report.scalars["fid"] == pytest.approx(expected.value, rel=1e-5)
    assert report.protocol["n_fake"] == 301
    with pytest.raises(
        UserError, match="`metrics` modes takes a classifier of this data, which pixels is not"
    ):
        evaluate.measure(fakes, reals, pixels, ("modes",))


def test_the_protocol_says_where_the_latents_come_from():
    """With a key there is no seed."""
    options = {"latent_dim": 2, "n": 3}
    of_seed = evaluate.from_generator(lambda latents, labels: latents, seed=7, **options).protocol
    assert of_seed == {"latents": "standard normal, not truncated", "seed": 7}
    asked = []

    def generate(latents, labels, *, truncation):
        asked.append(truncation)
        return jax.numpy.zeros((len(latents), 4, 4, 1))

    truncated = evaluate.from_generator(generate, seed=7, truncation=0.5, **options)
    truncated.batch(0, 2)
    assert asked == [0.5]
    assert truncated.protocol == {"latents": "standard normal", "truncation": 0.5, "seed": 7}
    key = jax.random.fold_in(jax.random.key(7), 1)
    of_key = evaluate.from_generator(lambda latents, labels: latents, key=key, **options).protocol
    assert "seed" not in of_key
    again = jax.random.wrap_key_data(np.array(json.loads(json.dumps(of_key["key"])), np.uint32))
    np.testing.assert_array_equal(sampling.draw_latents(again, 3, 2), sampling.draw_latents(key, 3, 2))


@pytest.mark.parametrize("n", [20, 600])
@pytest.mark.parametrize("number", [2, 3])
def test_shares_of_fakes_are_the_fakes_of_one_process(monkeypatch, n, number):
    def generate(latents, labels):
        return jnp.tanh(latents.reshape(-1, 2, 2, 1) + labels[:, None, None, None] / 10)

    labels = (np.arange(n) % 7).astype(np.int32)
    drawn = evaluate.from_generator(generate, latent_dim=4, n=n, labels=labels)
    corners = features.from_function("corners", lambda images: images.reshape(len(images), -1))
    whole = fakes.fake_outputs(drawn, corners).features
    shares = []
    monkeypatch.setattr(jax, "process_count", lambda: number)
    monkeypatch.setattr(fakes.processes, "gather", lambda value: [value])
    monkeypatch.setattr(fakes.processes, "joined", lambda share: shares.append(share) or share)
    for i in range(number):
        monkeypatch.setattr(jax, "process_index", lambda i=i: i)
        fakes.spread_outputs(drawn, corners)
    np.testing.assert_array_equal(np.concatenate([share.features for share in shares])[:n], whole)
    assert len({len(share.features) for share in shares}) == 1


def test_images_that_are_not_finite_on_another_process_are_refused_here_too(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(fakes.processes, "gather", lambda problem: [problem, "3 of 20 images hold NaN"])
    good = evaluate.from_generator(
        lambda latents, _: jnp.tanh(latents).reshape(-1, 1, 2, 1), latent_dim=2, n=20
    )
    with pytest.raises(features.FeaturesNotFiniteError, match="3 of 20"):
        fakes.spread_outputs(good, features.from_function("mean", lambda x: x.reshape(len(x), -1)))


def test_pictures_cannot_be_truncated(tmp_path):
    np.savez(tmp_path / "pictures.npz", images=np.zeros((3, 8, 8, 1), np.uint8))
    with pytest.raises(UserError, match="`truncation` has no effect on pictures"):
        evaluate.evaluate(tmp_path / "pictures.npz", against="digits", truncation=0.5)


def test_generators_of_nan_are_refused():
    fakes = evaluate.from_generator(
        lambda latents, labels: np.full((len(latents), 2, 2, 1), np.nan), latent_dim=3, n=9
    )
    reals = evaluate.Reals("zeros", None, np.zeros((9, 2, 2, 1), np.uint8), None, None)
    with pytest.raises(features.FeaturesNotFiniteError, match="images hold NaN"):
        evaluate.measure(fakes, reals, features.from_function("x", lambda images: images[:, 0, 0]), ("fid",))


def test_two_folders_and_their_files(tmp_path, digits_cnn, capsys):
    for name, images in (
        ("a", DIGITS.images[:150]),
        ("b", DIGITS.images[:150]),
        ("c", 255 - DIGITS.images[:150]),
    ):
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(tmp_path / name / f"{i:03d}.png")
    extractor = ["--extractor", "digits-cnn", "--metrics", "fid"]
    values = {}
    for other in ("b", "c"):
        out = tmp_path / f"out-{other}"
        cli.main(
            [
                "evaluate",
                str(tmp_path / "a"),
                "--against",
                str(tmp_path / other),
                *extractor,
                "--out",
                str(out),
            ]
        )
        values[other] = json.loads((out / "metric-fid.json").read_text())["results"][0]["value"]
    assert values["b"] == pytest.approx(0, abs=1e-6)
    assert values["c"] > 1
    assert not list((tmp_path / "a").glob("*.json"))


def test_modes_that_are_missing_are_seen(tmp_path, digits_cnn):
    few = save(tmp_path / "few.npz", DIGITS.images[DIGITS.labels < 7])
    report = evaluate.evaluate(few, against="digits", metrics="modes,fid,prdc")
    whole = evaluate.evaluate(
        save(tmp_path / "all.npz", DIGITS.images), against="digits", metrics="modes,fid,prdc"
    )
    # the classifier errs on about 1 % of digits: the missing three have few samples, if any
    assert whole.scalars["modes_kl"] < 0.01
    assert report.scalars["modes_kl"] > 0.25
    assert whole.scalars["fid"] == pytest.approx(0, abs=1e-6)
    assert report.scalars["fid"] > 0.5
    assert report.scalars["prdc_recall"] < 0.8


def test_copies_are_found_and_shown(tmp_path, digits_cnn):
    train_set = save(tmp_path / "train.npz", DIGITS.images[:900])
    held_out = save(tmp_path / "held_out.npz", DIGITS.images[900:])
    copies = save(tmp_path / "copies.npz", DIGITS.images[:200])
    options = {"against": str(train_set), "held_out": str(held_out), "extractor": "digits-cnn"}
    report = evaluate.evaluate(copies, metrics="memorisation", out=tmp_path / "out", **options)
    assert report.scalars["memorisation_copies"] >= 190  # batches of another size may round otherwise
    assert report.scalars["memorisation_ratio"] < 1e-3
    with Image.open(tmp_path / "out/plots/nearest.png") as picture:
        pixels = np.asarray(picture)
    scale = pixels.shape[0] // (10 * 9 + 1)
    cells = pixels[::scale, ::scale]
    for row in range(10):
        fake, gap, nearest = (cells[row * 9 + 1 : row * 9 + 9, c * 9 + 1 : c * 9 + 9] for c in (0, 1, 2))
        np.testing.assert_array_equal(fake, nearest)
        assert (gap == sampling.GUTTER_GRAY).all()


def test_the_training_set_is_refused_as_held_out_images(tmp_path, digits_cnn):
    train_set = save(tmp_path / "train.npz", DIGITS.images[:900])
    again = save(tmp_path / "again.npz", DIGITS.images[899::-1])
    fakes = save(tmp_path / "fakes.npz", DIGITS.images[900:1000])
    with pytest.raises(UserError, match="memorisation: all 900 rows of test_features are rows of train_feat"):
        evaluate.evaluate(
            fakes,
            against=str(train_set),
            held_out=str(again),
            extractor="digits-cnn",
            metrics="memorisation",
        )


def test_what_is_odd_about_reals_and_fakes_is_in_the_report_once(tmp_path, digits_cnn):
    zero_to_one = (DIGITS.images[:90] / 255).astype(np.float32)
    arrays = save(tmp_path / "floats.npz", zero_to_one), save(tmp_path / "reals.npz", zero_to_one[::-1])
    report = evaluate.evaluate(
        arrays[0], against=str(arrays[1]), extractor="digits-cnn", metrics="diversity", out=tmp_path / "out"
    )
    black = [note for note in report.notes if "black is -1" in note]
    assert [name in note for name, note in zip(("floats", "reals"), black, strict=True)] == [True, True]
    sigmoid = evaluate.from_generator(
        lambda latents, labels: jax.nn.sigmoid(latents[:, :64]).reshape(-1, 8, 8, 1), latent_dim=64, n=600
    )
    report = evaluate.measure(sigmoid, reals.draw_reals(DIGITS, 90), digits_cnn, ("diversity",))
    (note,) = report.notes
    assert note.startswith("the generated images go from 0.0")
    picture = evaluate.nearest_picture(
        sigmoid, reals.draw_reals(DIGITS, 90), digits_cnn
    )  # says nothing again
    assert picture.size[0] > 100


def test_images_that_an_extractor_does_not_take_are_one_sentence(digits_cnn):
    opaque = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 4), np.uint8)
    fakes = evaluate.from_dataset(data.from_arrays(opaque), 9)
    assert ["4 channels" in note for note in fakes.notes] == []  # the data set has said so
    with pytest.raises(
        UserError, match=r"digits-cnn takes 1 or 3 channels, got 4: images\[..., :3\] leaves an"
    ):
        evaluate.measure(fakes, reals.draw_reals(DIGITS, 90), digits_cnn, ("diversity",))


def test_reals_of_another_size_are_fitted_and_noted(tmp_path, digits_cnn):
    large = save(tmp_path / "large.npz", np.repeat(np.repeat(DIGITS.images[:200], 2, axis=1), 2, axis=2))
    report = evaluate.evaluate(large, against="digits", metrics="fid")
    assert any(
        "real images of digits (the first is 8x8x1) were cut" in note and "16x16x1" in note
        for note in report.notes
    )
    assert any("resized (Lanczos) to 8x8x1 for digits-cnn" in note for note in report.notes)
    assert report.protocol["resize"]


def test_a_folder_is_decoded_and_kept_in_the_size_of_the_fakes_only(tmp_path, own_cache):
    """Photographs in their own size would fill the disk."""
    folder, rng = tmp_path / "photographs", np.random.default_rng(0)
    folder.mkdir()
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(folder / f"{i}.png")
    small = evaluate.reals.load(str(folder), (8, 8, 1))
    kept = [np.load(file, mmap_mode="r").shape for file in own_cache.rglob("images.npy")]
    assert kept == [(3, 8, 8, 1)]
    assert "the first is 40x60x3" in small.notes[0]
    np.testing.assert_array_equal(small.images, data.load(str(folder), image_size=(8, 8), channels=1).images)
    trained_on = data.load(str(folder))
    count = len(list(own_cache.rglob("images.npy")))
    same = evaluate.reals.load(str(folder), (40, 60, 3))
    assert same.notes == ()
    np.testing.assert_array_equal(same.images, trained_on.images)
    assert len(list(own_cache.rglob("images.npy"))) == count  # what training keeps is not kept twice
    Image.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8)).save(folder / "last.png")
    mixed = evaluate.reals.load(str(folder), (40, 60, 3))
    assert "the first is 40x60x3" in mixed.notes[0]
    np.testing.assert_array_equal(mixed.images[:3], trained_on.images)


@pytest.mark.parametrize("shape", [(20, 2), (20, 5)])
def test_arrays_that_are_no_images_are_one_sentence(tmp_path, shape):
    points = save(tmp_path / "points.npz", np.zeros(shape, np.float32))
    with pytest.raises(UserError, match=r"points.npz: an image to measure is \[H, W, C\], got \["):
        evaluate.evaluate(points, against="digits")


def test_features_of_reals_are_kept(tmp_path, digits_cnn, own_cache, monkeypatch):
    file = save(tmp_path / "some.npz", DIGITS.images[:100])
    first = evaluate.evaluate(file, against="digits", metrics="fid", n=300)
    assert len(list((own_cache / "features").iterdir())) == 1
    again = evaluate.evaluate(file, against="digits", metrics="fid", n=300)
    assert len(list((own_cache / "features").iterdir())) == 1
    assert first.results == again.results
    evaluate.evaluate(file, against="digits", metrics="fid", n=299)
    assert len(list((own_cache / "features").iterdir())) == 2
    monkeypatch.setattr(reals, "VERSION", 0)  # of another version of the code
    evaluate.evaluate(file, against="digits", metrics="fid", n=300)
    assert len(list((own_cache / "features").iterdir())) == 3


def test_where_nothing_can_be_written_nothing_is_measured(tmp_path, digits_cnn, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(command, "measure", None)
    points = save(tmp_path / "some.npz", DIGITS.images[:100])
    with pytest.raises(UserError, match=r"cannot write to .*file/out: Not a directory"):
        evaluate.evaluate(points, against="digits", metrics="fid", n=50, out=tmp_path / "file/out")


def test_the_numbers_are_in_the_error_where_they_cannot_be_written(tmp_path, digits_cnn, monkeypatch):
    def fails(report, folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(command, "write", fails)
    points = save(tmp_path / "some.npz", DIGITS.images[:100])
    with pytest.raises(UserError, match=r"No space left on device. The measurements:\nFID-digits-cnn +value"):
        evaluate.evaluate(points, against="digits", metrics="fid", n=50, out=tmp_path / "out")


def test_a_full_disk_costs_no_measurement(tmp_path, digits_cnn, monkeypatch):
    def full(file, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jaxgan.system.files.write_text", full)
    points = save(tmp_path / "some.npz", DIGITS.images[:100])
    sentence = (
        r"^cannot write .*/metric-fid.json, .* MB free: No space left on device. The measurements:\nFID-"
    )
    with pytest.raises(NoRoomError, match=sentence):
        evaluate.evaluate(points, against="digits", metrics="fid", n=50, out=tmp_path / "out")


def test_a_folder_named_as_a_data_set_is_the_folder(digits_cnn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    for i, image in enumerate(DIGITS.images[:40]):
        Image.fromarray(255 - image[..., 0]).save(tmp_path / f"digits/{i:02}.png")
    report = evaluate.evaluate(Path("digits"), against="digits", metrics="fid", n=1000)
    assert (report.protocol["n_fake"], report.protocol["images"]) == (40, "digits")


def test_pictures_of_several_sizes_are_brought_to_the_first_ones(digits_cnn, tmp_path):
    for i, image in enumerate(DIGITS.images[:40]):
        picture = Image.fromarray(image[..., 0])
        (picture.resize((12, 10)) if i % 2 else picture).save(tmp_path / f"{i:02}.png")
    report = evaluate.evaluate(tmp_path, against="digits", metrics="fid", n=300)
    assert report.protocol["image_shape"] == [8, 8, 1]
    assert "were cut around their center and resized (Lanczos) to 8x8" in evaluate.table(report)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["RUN", "--metrics", "fid,fod"], "--metrics fod is unknown: did you mean fid? there are fid, "),
        (["RUN", "--metrics", ""], "--metrics  is unknown"),
        (["RUN", "--n", "1"], "--n must be at least 2, got 1"),
        (
            ["RUN", "--metrics", "memorisation"],
            "memorisation compares with real images that were not trained on, and digits has no",
        ),
        (["RUN", "--extractor", "resnet"], "--extractor resnet is unknown"),
        (["RUN", "--against", "no/such"], "no/such"),
        (["RUN", "--seed", "-1"], "--seed must be"),
        (["RUN", "--truncation", "0.5"], "--truncation 0.5 has no effect on a generator of mlp"),
        (["EMPTY", "--against", "digits"], "empty holds no pictures"),
        (["nothing.npz", "--against", "digits"], "there is no run, no folder and no file at nothing.npz"),
        (["r/nope"], "there is no run, no folder and no file at r/nope"),
        (["RUN", "--n", "1000000000000"], "--n 1,000,000,000,000 needs at least 400,000 GB"),
        (["EMPTY"], "--against is missing"),
        (["RUN", "--split", "test"], "--split test: digits has no splits"),
        (["OWN", "--against", "digits"], "own needs its own module: evaluate.from_generator measures"),
        (["RUN", "--out", "/proc/nowhere", "--n", "50"], "cannot write to /proc/nowhere"),
    ],
)
def test_a_mistake_is_one_sentence(run, digits_cnn, tmp_path, capsys, arguments, what):
    (tmp_path / "empty").mkdir()
    places = {"RUN": run, "EMPTY": tmp_path / "empty", "OWN": tmp_path / "own"}
    shutil.copytree(run / "export", tmp_path / "own/export")
    description = json.loads((tmp_path / "own/export/config.json").read_text())
    (tmp_path / "own/export/config.json").write_text(json.dumps(description | {"network": "custom"}))
    before = sorted(run.rglob("*"))
    assert main(*(places.get(argument, argument) for argument in arguments)) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert what in message
    assert message.count("\n") == 1
    assert sorted(run.rglob("*")) == before


@pytest.mark.long
def test_mnist_cnn_ranks_defects(tmp_path, own_cache):
    try:
        real = data.load("mnist", split="test").images
    except UserError:
        pytest.skip("mnist is not prepared")
    digits = data.load("mnist").images[:10_000]
    noise = np.random.default_rng(0).random(digits.shape) < 0.01
    sets = {"clean": digits, "noisy": np.where(noise, 255, digits).astype(np.uint8), "dark": digits // 2}
    values = {
        name: evaluate.evaluate(
            save(tmp_path / f"{name}.npz", images), against="mnist", metrics="fid"
        ).scalars["fid"]
        for name, images in sets.items()
    }
    assert len(real) == 10_000
    assert values["clean"] < 0.3
    assert values["noisy"] > 1.3 * values["clean"]
    assert values["dark"] > 2 * values["clean"]
