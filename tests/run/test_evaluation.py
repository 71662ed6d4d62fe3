"""Evaluation in training: it disturbs nothing, keeps the best, and stops where it was told to."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import features, metrics, sampling, train
from jaxgan.config import Config
from jaxgan.export import load_generator, read_description
from jaxgan.run import evaluation, evaluation_plan
from jaxgan.system.errors import UserError
from pictures import forty_pictures

PICTURES = forty_pictures(6, 10, 3)
CORNERS = features.from_function(
    "corners", lambda images: images[:, ::5, ::9, 0].reshape(len(images), -1), hash="1"
)


def config(workdir, **options):
    small = {"steps": 12, "batch_size": 8, "latent_dim": 5, "quiet": True, "evaluate_n": 30}
    return Config(workdir=str(workdir), **{**small, "save_every": 5, **options})


def run(workdir, **options):
    return train.run(config(workdir, **options), dataset=PICTURES, extractor=CORNERS)


def rows(folder):
    return [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]


def kept(folder):
    return sorted(int(path.name) for path in (folder / "checkpoints").iterdir())


@pytest.mark.slow
def test_parameters_are_bit_equal_with_and_without(tmp_path):
    without = run(tmp_path / "without", conditional=True)
    watched = run(tmp_path / "with", conditional=True, evaluate_every=2, metrics=("fid", "kid", "prdc"))
    for one, other in zip(jax.tree.leaves(without.state), jax.tree.leaves(watched.state), strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
    assert [row["step"] for row in rows(watched.workdir)] == [2, 4, 6, 8, 10, 12]
    assert set(rows(watched.workdir)[0]) > {"fid", "kid", "prdc_precision", "prdc_coverage"}
    for name in ("metrics.jsonl", "export/generator.safetensors"):
        assert (without.workdir / name).read_bytes() == (watched.workdir / name).read_bytes()
    assert not (without.workdir / "evaluations.jsonl").exists()


@pytest.mark.parametrize(
    ("metrics", "n", "sentence"),
    [("fid,prdc", 5, "`metrics` prdc, `evaluate_n` 5"), ("is", 30, "`metrics` is takes")],
)
def test_what_cannot_be_measured_is_said_before_anything_is_written(tmp_path, metrics, n, sentence):
    with pytest.raises(UserError, match=sentence):
        run(tmp_path / "run", evaluate_every=5, metrics=metrics, evaluate_n=n)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_row_is_what_the_metric_says_of_the_ema_generator(tmp_path):
    folder = run(tmp_path / "run", evaluate_every=12).workdir
    key = jax.random.fold_in(jax.random.split(jax.random.key(0), 3)[2], 1)
    fakes = sampling.sample(load_generator(folder), sampling.draw_latents(key, 30, 5))
    rows_of = np.random.default_rng(0).permutation(40)[:30]
    expected = metrics.frechet_distance(CORNERS(PICTURES.images[rows_of]), CORNERS(fakes)).value
    assert rows(folder)[-1]["fid"] == pytest.approx(expected, rel=1e-3)  # a pixel may round otherwise
    protocol = json.loads((folder / "evaluation.json").read_text())
    assert (protocol["extractor"], protocol["n_fake"], protocol["n_real"]) == ("corners", 30, 30)
    with Image.open(folder / "plots/evaluations.png") as picture:
        picture.verify()


def test_a_run_on_mirrored_images_says_that_its_evaluations_are_not(tmp_path):
    for mirror in (False, True):
        options = {"evaluate_every": 5, "mirror": mirror}
        plan = evaluation_plan.plan(config(tmp_path, **options), PICTURES, CORNERS)
        assert plan is not None
        assert plan.protocol.get("mirrored") == (False if mirror else None)
        assert any("real images that are not flipped" in note for note in plan.notes) == mirror


@pytest.mark.slow
def test_a_run_in_pieces_says_the_same(tmp_path):
    whole = run(tmp_path / "whole", evaluate_every=3).workdir
    for steps in (6, 12):
        pieces = run(tmp_path / "pieces", evaluate_every=3, steps=steps, save_every=2).workdir
    for name in ("evaluations.jsonl", "evaluation.json", "best/generator.safetensors", "best/config.json"):
        assert (whole / name).read_bytes() == (pieces / name).read_bytes(), name


@pytest.fixture
def script(monkeypatch):
    """Let the evaluations give numbers of ours, by step."""

    def use(values):
        measure = evaluation.Evaluations.measure

        def remember(self, step, ema, **options):
            self.now = step
            return measure(self, step, ema, **options)

        monkeypatch.setattr(evaluation.Evaluations, "measure", remember)
        monkeypatch.setattr(
            evaluation.Evaluations, "_scores", lambda self, judge, ema: {"fid": values[self.now]}
        )

    return use


@pytest.mark.slow
def test_the_best_checkpoint_is_kept_and_a_nan_never_wins(tmp_path, script):
    script({2: 9.0, 4: 3.0, 6: None, 8: 5.0, 10: None, 12: 4.0})
    folder = run(tmp_path / "run", evaluate_every=2, keep=2, save_every=2).workdir
    assert kept(folder) == [4, 10, 12]
    assert read_description(folder / "best")["step"] == 4
    assert read_description(folder)["step"] == 12


@pytest.mark.slow
def test_the_best_checkpoint_outlives_a_stop_and_ties(tmp_path, script):
    script({2: 9.0, 4: 3.0, 6: 3.0, 8: 5.0, 10: 6.0, 12: 7.0})
    options = {"evaluate_every": 2, "keep": 1, "save_every": 2}
    run(tmp_path / "run", steps=6, **options)
    assert kept(tmp_path / "run") == [4, 6]
    run(tmp_path / "run", steps=8, keep=1, save_every=2)  # without evaluations
    assert kept(tmp_path / "run") == [4, 8]
    run(tmp_path / "run", **options)
    assert kept(tmp_path / "run") == [4, 12]
    description = tmp_path / "run/best/config.json"
    said = json.loads(description.read_text())
    assert said["step"] == 4
    # as a run leaves it that is killed between the export and the save
    description.write_text(json.dumps({**said, "step": 8}))
    run(tmp_path / "run", **options)
    assert json.loads(description.read_text())["step"] == 4


@pytest.mark.slow
def test_a_torn_row_and_missing_checkpoints(tmp_path, script):
    script({2: 9.0, 4: 3.0, 6: 4.0, 8: 5.0, 10: 6.0, 12: 7.0})
    folder = run(tmp_path / "run", evaluate_every=2, keep=2, save_every=4, steps=4).workdir
    with (folder / "evaluations.jsonl").open("a") as file:
        file.write('{"step": 4, "x":')
    run(tmp_path / "run", evaluate_every=2, keep=2, save_every=4, steps=6)
    assert [row["step"] for row in rows(folder)] == [2, 4, 6]
    shutil.rmtree(folder / "checkpoints")
    before = (folder / "metrics.jsonl").read_bytes()
    with pytest.raises(UserError, match="has the results of a run but no checkpoint to go on from"):
        run(tmp_path / "run", evaluate_every=2, keep=2, save_every=4, steps=6)
    assert (folder / "metrics.jsonl").read_bytes() == before


@pytest.mark.slow
def test_the_best_is_found_again_after_an_interruption(tmp_path, script):
    values = {2: 3.0, 4: 9.0, 6: 8.0, 8: 7.0, 10: 2.0, 12: 5.0}
    script(values)
    run(tmp_path / "run", evaluate_every=2, keep=1, save_every=4, steps=8)
    assert kept(tmp_path / "run") == [2, 8]
    run(tmp_path / "run", evaluate_every=2, keep=1, save_every=4)
    assert kept(tmp_path / "run") == [10, 12]
    assert [row["fid"] for row in rows(tmp_path / "run")] == list(values.values())


@pytest.mark.slow
def test_what_is_missing_of_a_finished_run_is_made_anew(tmp_path, script):
    script({4: 3.0, 8: 5.0, 12: 4.0})
    options = {"evaluate_every": 4, "save_every": 12}
    folder = run(tmp_path / "run", **options).workdir
    before = (folder / "best/generator.safetensors").read_bytes()
    assert before != (folder / "export/generator.safetensors").read_bytes()
    shutil.rmtree(folder / "best")
    (folder / "plots/evaluations.png").unlink()
    run(tmp_path / "run", **options)
    assert (folder / "best/generator.safetensors").read_bytes() == before
    assert read_description(folder / "best")["step"] == 4
    assert (folder / "plots/evaluations.png").exists()
    shutil.rmtree(folder / "best")
    shutil.rmtree(folder / "checkpoints/4")
    assert run(tmp_path / "run", **options).status == "done"
    assert "the generator of step 4, the best, cannot be read" in (folder / "log.txt").read_text()


@pytest.mark.slow
def test_a_run_stops_on_its_target_and_stays_done(tmp_path, script):
    script({2: 9.0, 4: 3.0, 6: 8.0, 8: 2.0, 10: 1.0})
    goal = {"evaluate_every": 2, "stop_at": "fid=3.5"}
    result = run(tmp_path / "run", **goal)
    assert (result.status, int(result.state.step)) == ("done", 4)
    status = json.loads((tmp_path / "run/status.json").read_text())
    assert status == {"state": "done", "step": 4, "why": "fid 3 at step 4 is at most 3.5"}
    assert (tmp_path / "run/samples/step_00000004.png").exists()
    assert json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])["step"] == 4
    before = (tmp_path / "run/evaluations.jsonl").read_bytes()
    again = run(tmp_path / "run", **goal)
    assert (again.status, int(again.state.step)) == ("done", 4)
    assert json.loads((tmp_path / "run/status.json").read_text()) == status
    assert (tmp_path / "run/evaluations.jsonl").read_bytes() == before
    further = run(tmp_path / "run", evaluate_every=2, stop_at="fid=2")
    assert int(further.state.step) == 8


def test_patience(tmp_path, script):
    script({2: 9.0, 4: 3.0, 6: None, 8: 3.0, 10: 1.0})
    result = run(tmp_path / "run", evaluate_every=2, patience=2)
    assert (result.status, int(result.state.step)) == ("done", 8)
    assert "nothing better than 3 at step 4" in (tmp_path / "run/status.json").read_text()


@pytest.mark.slow
def test_a_generator_of_nans_is_no_number(tmp_path, capsys):
    broken = features.from_function("broken", lambda images: jnp.full((len(images), 2), jnp.nan))
    reals = features.from_function("broken", lambda images: images[:, 0, :2, 0], hash="1")
    wanted = config(tmp_path / "run", evaluate_every=4, stop_at="fid=1e9", quiet=False)
    plan = evaluation_plan.plan(wanted, PICTURES, reals)

    def evidence(experiment, generate, key):
        evidence = plan.evidence(experiment, generate, key)
        return evidence._replace(fake=broken.outputs(PICTURES.images[:30]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation_plan, "plan", lambda *_: plan._replace(evidence=evidence))
        result = train.run(wanted, dataset=PICTURES)
    assert int(result.state.step) == 12
    assert [row["fid"] for row in rows(result.workdir)] == [None, None, None]
    assert not (result.workdir / "best").exists()
    assert "cannot evaluate: broken: 30 of 30 features hold NaN" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"metrics": ("fid", "fod"), "evaluate_every": 2}, "`metrics` fod is unknown: did you mean fid"),
        ({"metrics": ("fid", "memorisation"), "evaluate_every": 2}, "`metrics` memorisation is unknown"),
        ({"stop_at": "fid=1"}, "set `evaluate_every`"),
        ({"evaluate_every": 0}, "`evaluate_every` must be at least 1, got 0"),
        ({"evaluate_n": 1}, "`evaluate_n` must be at least 2, got 1"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(tmp_path, options, what):
    with pytest.raises(UserError, match=what):
        run(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_without_an_extractor_there_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="no extractor goes with pictures"):
        train.run(config(tmp_path / "run", evaluate_every=2), dataset=PICTURES._replace(labels=None))
    assert not (tmp_path / "run").exists()
