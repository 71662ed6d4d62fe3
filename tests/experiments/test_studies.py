"""The studies: each trains, writes and draws at a tiny scale, and draws its published results again."""

import importlib
import json
import re
from collections import Counter

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from jaxgan.system.errors import UserError

DRAWN = (
    "rates",
    "optimizers",
    "d_steps",
    "losses",
    "norms",
    "created_equal",
    "landscape",
    "few_labels",
    "one_class",
)


@pytest.fixture
def study(experiments):
    return importlib.import_module("study")


@pytest.fixture
def stability(experiments):
    return importlib.import_module("stability")


def module_of(name):
    own = {"created_equal", "landscape", "alarms", "dirac", "metric_defects", "few_labels", "one_class"}
    return importlib.import_module(name if name in own else "stability")


def drawn(draw, rows):
    figure = Figure(layout="constrained")
    draw(rows, figure)
    return figure.axes


def test_the_documentation_says_what_the_calibration_measured(request, study):
    import alarms

    rows = study.read(study.PUBLISHED / "alarms.json")["rows"]
    assert Counter(row["kind"] for row in rows) == {
        kind: count for kind, (_, count, _) in alarms.KINDS.items()
    }
    last = alarms.judge(rows).splitlines()[-1]
    true, false = re.search(r"true alarms ([\d.]+)% of 40, false alarms ([\d.]+)% of 40", last).groups()
    text = (request.config.rootpath / "docs/guides/stability.md").read_text()
    assert f"True alarms {true} % of 40, false alarms {false} % of 40" in text
    assert float(true) >= 90
    assert float(false) <= 5


def test_a_study_names_its_script_settings_and_machine(stability, study):
    settings = stability.Settings(study="d-steps", steps=20, seeds=2)
    head = study.head(study.Study("d_steps", "stability.py d-steps", None, None), settings)
    assert head["command"] == "python experiments/studies/stability.py d-steps --steps 20 --seeds 2"
    assert (head["study"], head["steps"], head["seeds"]) == ("d_steps", 20, 2)
    assert {"device", "jax", "jaxgan"} < set(head)


def test_published_results_say_what_they_were_made_with(study):
    for name in ("rates", "optimizers", "d_steps", "losses", "norms", "alarms", "created_equal"):
        content = study.read(study.PUBLISHED / f"{name}.json")
        assert {"steps", "device", "jax", "seconds"} < set(content), name
        if "seeds" in content:
            assert {row["seed"] for row in content["rows"]} == set(range(content["seeds"])), name
        if name == "created_equal":
            assert len(content["rows"]) == 8 * content["members"]


@pytest.mark.parametrize("name", DRAWN)
def test_published_results_are_drawn_again(name, study, command, tmp_path):
    module = module_of(name)
    arguments = [name] if module.__name__ == "stability" else []
    code, printed = command(module, *arguments, "--redraw", "--workdir", tmp_path)
    assert code == 0, printed.err
    assert len(printed.out.splitlines()) > 4
    assert [file.name for file in tmp_path.iterdir()] == [f"{name}.png"]


def test_a_line_of_norms_has_the_means_over_the_seeds(stability, command, tmp_path):
    rows = [
        {"arena": "digits", "norm": norm, "g_rate": rate, "d_rate": rate, "seed": seed, "fid": fid + seed}
        for norm, fid in (("batch", 5.0), ("none", 7.0))
        for rate in (1e-4, 1e-3)
        for seed in (0, 1)
    ]
    (axes,) = drawn(stability.stability_figures.draw_norms, rows)
    lines = {bar.get_label(): bar.lines[0] for bar in axes.containers}
    for norm, mean in {"batch": 5.5, "none": 7.5}.items():
        np.testing.assert_allclose(lines[norm].get_ydata(), [mean, mean])
        np.testing.assert_allclose(lines[norm].get_xdata(), [1e-4, 1e-3], rtol=0.05)  # moved apart
    source = tmp_path / "norms.json"
    source.write_text(json.dumps({"rows": rows}))
    code, printed = command(stability, "norms", "--redraw", "--source", source, "--workdir", tmp_path / "out")
    assert code == 0
    assert "5.5 ± 0.5 (5 to 6)" in printed.out
    assert (tmp_path / "out/norms.png").exists()


def test_a_map_of_rates_shows_each_cell_once(stability):
    rows = [
        {"arena": "ring", "g_rate": g, "d_rate": d, "seed": seed, "covered": 10 * g + 20 * d}
        for g in (0.01, 0.02)
        for d in (0.01, 0.02)
        for seed in (0, 1)
    ]
    digits = [{**row, "arena": "digits", "fid": 1 / row["covered"]} for row in rows]
    for row in digits:
        del row["covered"]
    digits[-1]["fid"] = None  # a run that diverged
    ring, images = drawn(stability.stability_figures.draw_rates, rows + digits)
    np.testing.assert_allclose(ring.images[0].get_array(), [[0.3, 0.5], [0.4, 0.6]])
    assert [text.get_text() for text in ring.texts] == ["30% ±0%", "50% ±0%", "40% ±0%", "60% ±0%"]
    assert "1 NaN" in images.texts[-1].get_text()


def test_an_optimizer_without_momentum_is_drawn_once(stability):
    rows = [
        {"arena": arena, "optimizer": name, "beta1": beta1, "g_rate": rate, "seed": 0, score: rate}
        for arena, score in (("ring", "covered"), ("digits", "fid"))
        for name, momenta in (("adam", (0.0, 0.5)), ("rmsprop", (0.0,)))
        for beta1 in momenta
        for rate in (1e-3, 1e-2)
    ]
    ring, digits = drawn(stability.stability_figures.draw_optimizers, rows)
    for axes, best in ((ring, 1e-2), (digits, 1e-3)):
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["adam 0.0", "adam 0.5", "rmsprop 0.0"]
        assert [bar.lines[0].get_ydata()[0] for bar in axes.containers] == [best] * 3


def test_the_studies_vary_what_they_say(stability):
    counts = {name: len(make(10, range(2))) for name, make in stability.STUDIES.items()}
    assert counts == {
        "rates": 144,
        "optimizers": 192,
        "d_steps": 80,
        "losses": 48,
        "norms": 24,
        "ablation": 32,
    }
    for name, make in stability.STUDIES.items():
        cells = make(10, range(2))
        labels = [tuple(label.items()) for label, _ in cells]
        assert len(set(labels)) == len(labels), name
        for label, config in cells:
            config.check()
            assert (config.seed, config.generator_learning_rate) == (label["seed"], label["g_rate"])
    work = {(label["d_steps"], label["equal"]): config.steps for label, config in stability.d_steps(12, [0])}
    assert [work[count, "work"] for count in (1, 2, 3, 5)] == [12, 8, 6, 4]
    assert {config.steps for _, config in stability.d_steps(12, [0])} == {12, 8, 6, 4}


def test_a_search_gives_every_gan_the_same_settings(experiments):
    import created_equal

    cells = created_equal.cells(created_equal.Settings(members=3))
    draws = [tuple(label[name] for name in ("rate", "beta1", "weight")) for label, _ in cells]
    assert draws == 8 * draws[:3]
    for label, config in cells:
        config.check()
        assert config.penalty == "none" or config.penalty_weight == label["weight"]
    assert created_equal.expected_best(np.array([1.0, 3.0]), 1) == pytest.approx(2, abs=0.1)
    assert created_equal.expected_best(np.array([1.0, np.inf]), 30) == 1


def test_a_study_of_few_labels_learns_what_its_rows_say(experiments):
    import few_labels

    whole, test = few_labels.study.labelled_images("digits")
    assert len(whole.images) + len(test.images) == 1797
    assert not {image.tobytes() for image in whole.images} & {image.tobytes() for image in test.images}
    few = few_labels.draw_labelled(whole, 3, seed=1)
    assert np.bincount(few.labels).tolist() == [3] * 10
    known = {image.tobytes(): label for image, label in zip(whole.images, whole.labels, strict=True)}
    assert [known[image.tobytes()] for image in few.images] == few.labels.tolist()
    again, other = (few_labels.draw_labelled(whole, 3, seed=seed) for seed in (1, 2))
    assert np.array_equal(few.images, again.images)
    assert not np.array_equal(few.images, other.images)

    moved = few_labels.shifted(few)
    assert len(moved.images) == 9 * 30
    down_right = moved.images[-30:]  # without the last row and column, and with two that are black
    np.testing.assert_array_equal(moved.images[4 * 30 : 5 * 30], few.images)
    np.testing.assert_array_equal(down_right[:, :-1, :-1], few.images[:, 1:, 1:])
    assert not down_right[:, -1].any()
    assert moved.labels[-30:].tolist() == few.labels.tolist()

    fakes = few._replace(images=255 - moved.images[:70], labels=moved.labels[:70])
    both = few_labels.both(few, fakes)
    np.testing.assert_array_equal(both.images[70:], fakes.images)
    np.testing.assert_array_equal(both.images[:30], few.images)
    np.testing.assert_array_equal(both.labels, np.concatenate([np.resize(few.labels, 70), fakes.labels]))


def test_a_table_of_few_labels_has_what_fakes_add_to_each_seed(experiments):
    import few_labels

    scores = {"labels": (0.8, 0.9), "fakes": (0.5, 0.6), "labels and fakes": (0.84, 0.88)}
    rows = [
        {"learned": name, "seed": seed, "accuracy": accuracy}
        for name, pair in scores.items()
        for seed, accuracy in enumerate(pair)
    ]
    text = few_labels.summary(rows)
    assert "| labels | 85.0 ± 7.1 | 80.0 to 90.0 |" in text
    assert "Fakes add 1.0 ± 4.2 points to the labels, and help 1 of 2 seeds." in text
    (axes,) = drawn(few_labels.draw, rows)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(scores)
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [85, 85])


def test_the_documentation_says_what_few_labels_measured(request, experiments, study):
    import few_labels

    text = (request.config.rootpath / "docs/guides/evaluate.md").read_text()
    for line in few_labels.summary(study.read(study.PUBLISHED / "few_labels.json")["rows"]).splitlines()[2:]:
        assert line in text


def test_a_run_that_diverged_has_no_score(study):
    assert study.scores("digits", {"diverged_at": 3}) == {"fid": None}
    assert study.scores("ring", {"diverged_at": 3}) == {"covered": 0, "high_quality": 0, "modes": 0}
    good = study.scores("grid", {"modes_modes": 20.0, "modes_high_quality": 0.5})
    assert good == {"covered": 0.4, "high_quality": 0.5, "modes": 20}


def test_the_tables_of_mixtures_have_means_and_worst_seeds(experiments):
    import mixture_table

    rows = [
        {
            "mixture": mixture,
            "loss": loss,
            "penalty": "r1_r2",
            "seed": seed,
            "modes": 6 + seed,
            "high_quality": seed / 4,
        }
        for mixture in mixture_table.MIXTURES
        for loss in (*mixture_table.MAIN, *mixture_table.OTHERS)
        for seed in (0, 2)
    ]
    tables = mixture_table.summary(rows).split("\n\n")
    assert [table.splitlines()[0] for table in tables] == ["| ring | r1_r2 |"] * 2 + ["| grid | r1_r2 |"] * 2
    assert "| hinge | 7.0, 25% (0%) |" in tables[0]
    cells = mixture_table.cells(mixture_table.Settings(seeds=2, other_seeds=1, steps=5), "grid")
    assert len(cells) == 2 * 24 + len(mixture_table.OTHERS)
    assert {config.check().decay_steps for _, config in cells} == {5}


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("stability", ("rate",), "--study rate is unknown: did you mean rates? there are rates, optimizers"),
        (
            "stability",
            ("rates", "--redraw", "--source", "x.json"),
            "x.json is not there: run without --redraw",
        ),
        ("stability", ("rates", "--redraw", "--source", "bad.json"), "bad.json is not JSON"),
        ("stability", ("rates", "--redraw", "--source", "list.json"), "does not hold the results of a study"),
        ("stability", ("rates", "--seeds", 0), "--seeds must be at least 1 and --steps at least 2"),
        ("created_equal", ("--fakes", 10), "--fakes at least 200"),
        ("alarms", ("--share", 0), "--share is above 0"),
        ("landscape", ("--stops", 5, 3), "--stops are at least two steps, in increasing order"),
        ("mixture_table", ("--steps", 0), "--steps, --seeds and --other-seeds must be at least 1"),
        ("mnist_baselines", ("--n", 1), "--n at least 2"),
        ("few_labels", ("--seeds", 0), "--fakes must be at least 1"),
        ("few_labels", ("--per-class", 200), "--per-class 200 is more than the 136 images of a class"),
        ("few_labels", ("--data", "ring"), "--data takes images with labels, and ring has none"),
    ],
)
def test_mistakes_are_one_sentence(experiments, command, tmp_path, monkeypatch, name, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text('{"study": "ra')
    (tmp_path / "list.json").write_text("[1, 2]")
    code, printed = command(importlib.import_module(name), *arguments)
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_only_publishing_writes_into_the_documentation(study, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "PUBLISHED", tmp_path / "docs")
    rows = [{"x": 1}]
    question = study.Study("y", "y.py", lambda folder: rows, str)
    study.run(question, study.Options(workdir=str(tmp_path / "runs")))
    assert study.read(tmp_path / "runs/y.json")["rows"] == rows
    assert not (tmp_path / "docs").exists()
    study.run(question, study.Options(workdir=str(tmp_path / "runs"), publish=True))
    assert study.read(tmp_path / "docs/y.json")["rows"] == rows
    study.run(question, study.Options(workdir=str(tmp_path / "again"), redraw=True))
    with pytest.raises(UserError, match="is not there"):
        study.run(question._replace(name="z"), study.Options(workdir=str(tmp_path), redraw=True))


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "count"),
    [("rates", 8), ("d_steps", 16), ("optimizers", 2 * 4 * 4), ("losses", 8), ("norms", 6)],
)
def test_a_study_trains_goes_on_and_draws(name, count, stability, command, tmp_path, monkeypatch, digits_cnn):
    monkeypatch.setattr(stability, "RATES", (1e-3, 3e-3))
    monkeypatch.setattr(stability, "MOMENTA", (0.5,))
    monkeypatch.setattr(stability, "D_STEPS", (1, 3))
    monkeypatch.setattr(stability, "LOSSES", ("hinge", "relativistic"))
    options = (name, "--steps", 2, "--seeds", 1, "--workdir", tmp_path)
    code, printed = command(stability, *options)
    assert code == 0, printed.err
    content = json.loads((tmp_path / f"{name}.json").read_text())
    assert len(content["rows"]) == count
    assert all(row["fid"] is None or row["fid"] > 0 for row in content["rows"] if row["arena"] == "digits")
    assert (tmp_path / f"{name}.png").exists()
    code, printed = command(stability, *options)  # everything is there
    assert code == 0
    assert "trains members" not in printed.out
    assert json.loads((tmp_path / f"{name}.json").read_text())["rows"] == content["rows"]
    code, printed = command(stability, name, "--steps", 3, "--seeds", 1, "--workdir", tmp_path)
    assert code == 2
    assert "holds a run with other settings: " in printed.err


@pytest.mark.long
def test_the_search_trains_every_gan(experiments, command, tmp_path, digits_cnn):
    import created_equal

    options = ("--data", "digits", "--members", 1, "--steps", 2, "--fakes", 200, "--workdir", tmp_path)
    code, printed = command(created_equal, *options)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "created_equal.json").read_text())["rows"]
    assert [row["gan"] for row in rows] == list(created_equal.GANS)


@pytest.mark.long
def test_few_labels_train_a_gan_and_go_on(experiments, command, tmp_path, monkeypatch):
    import few_labels

    quick = few_labels.classifiers.RECIPES["digits-cnn"]._replace(epochs=2)
    monkeypatch.setitem(few_labels.classifiers.RECIPES, "digits-cnn", quick)
    options = ("--seeds", 2, "--steps", 2, "--fakes", 40, "--per-class", 2, "--workdir", tmp_path)
    code, printed = command(few_labels, *options)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "few_labels.json").read_text())["rows"]
    assert [row["learned"] for row in rows][:5] == [
        "labels", "labels, shifted", "fakes", "labels and fakes", "all labels"
    ]  # fmt: skip
    assert {row["updates"] for row in rows} == {2 * 1437 // 128}
    assert [row["seed"] for row in rows] == [0] * 5 + [1] * 5
    saved = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("checkpoints/*/*")}
    assert len(saved) > 1
    assert command(few_labels, *options)[0] == 0
    assert json.loads((tmp_path / "few_labels.json").read_text())["rows"] == rows
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("checkpoints/*/*")} == saved


@pytest.mark.long
def test_runs_are_looked_at_on_the_way(experiments, command, tmp_path):
    import alarms

    code, printed = command(alarms, "--share", 0.08, "--steps", 24, "--every", 8, "--workdir", tmp_path)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "alarms.json").read_text())["rows"]
    assert [row["kind"] for row in rows] == ["collapse", "divergence", "oscillation", *["healthy"] * 3]
    assert all(row["looks"]["step"] == [8, 16, 24] for row in rows if row["kind"] == "healthy")
    assert all({"diversity", "oscillation"} < set(row["looks"]) for row in rows)
    assert "true alarms" in printed.out


@pytest.mark.long
def test_a_landscape_has_eigenvalues_at_each_stop(experiments, command, tmp_path):
    import landscape

    code, printed = command(landscape, "--stops", 2, 4, "--batch", 64, "--workdir", tmp_path)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "landscape.json").read_text())["rows"]
    assert [row.get("step") for row in rows] == 2 * [2, 4, None]
    for look in (row for row in rows if "eigenvalues" in row):
        assert np.isfinite(look["eigenvalues"]).all()
    assert all(len(row["angle"]) == len(row["path"]) for row in rows if "path" in row)


@pytest.mark.long
def test_mixtures_are_trained_with_every_loss(experiments, command, tmp_path, monkeypatch):
    import mixture_table

    monkeypatch.setattr(mixture_table, "MAIN", ("hinge", "relativistic"))
    monkeypatch.setattr(mixture_table, "OTHERS", ("kl",))
    options = ("--steps", 2, "--seeds", 1, "--other-seeds", 1, "--workdir", tmp_path)
    code, printed = command(mixture_table, *options)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "mixtures.json").read_text())["rows"]
    assert len(rows) == 2 * (2 * 4 + 1)
    assert "| grid | none | r1 | r1_r2 | gradient_penalty |" in printed.out


@pytest.mark.long
def test_the_smallest_games_shrink_as_their_eigenvalues_say(experiments, tmp_path):
    import dirac

    rows = dirac.measure(steps=150)
    bilinear = {row["rule"]: row["factor"] for row in rows if row["game"].startswith("bilinear")}
    assert bilinear["simultaneous"] == pytest.approx((1 + 0.2**2) ** 0.5, abs=1e-6)
    assert bilinear["alternating"] == pytest.approx(1, abs=1e-6)
    assert bilinear["extragradient"] < 1
    axes = drawn(dirac.draw, rows)
    assert len(axes) == len(rows)
    assert len(axes[0].lines[0].get_xdata()) == 151


@pytest.mark.slow
def test_every_defect_is_seen_by_a_metric(experiments, command, tmp_path, digits_cnn):
    import metric_defects

    code, printed = command(metric_defects, "--data", "digits", "--workdir", tmp_path)
    assert code == 0, printed.err
    assert "399 images a row" in printed.out
    rows = {row["defect"]: row for row in json.loads((tmp_path / "metric_defects.json").read_text())["rows"]}
    assert all(f"| {name} |" in printed.out for name in rows)
    real, blurred, dropped = "real", "blurred by 1 pixel", "three classes dropped"
    copied, repeated = "training images copied", "fifty images, repeated"

    def order(metric):
        return sorted((real, repeated, dropped, blurred), key=lambda name: rows[name][metric])

    assert order("fid") == order("kid") == [real, repeated, dropped, blurred]
    assert rows[repeated]["fid"] > 3 * rows[real]["fid"]
    assert rows[copied]["fid"] < 1.5 * rows[real]["fid"]  # a distance does not see copies,
    assert (rows[copied]["memorisation_nearer_train"], rows[copied]["memorisation_copies"]) == (1, 399)
    for name in {*rows} - {copied}:  # and memorisation sees nothing else
        assert rows[name]["memorisation_nearer_train"] == pytest.approx(0.5, abs=0.12)
        assert rows[name]["memorisation_copies"] == 0
    for metric in ("prdc_recall", "prdc_coverage"):
        worst = max(rows[name][metric] for name in (blurred, repeated, dropped))
        assert worst < 0.85 * rows[real][metric]
    for name in (dropped, repeated):  # precision asks another question
        assert rows[name]["prdc_precision"] == pytest.approx(rows[real]["prdc_precision"], abs=0.05)
    assert rows[dropped]["modes_kl"] > 10 * rows[real]["modes_kl"]
    assert rows[blurred]["diversity_ratio"] < 0.7 < 0.9 < rows[real]["diversity_ratio"] < 1.1


@pytest.mark.long
def test_the_baselines_go_on_with_their_runs(experiments, command, tmp_path, digits_cnn, drawn_figures):
    import mnist_baselines

    options = ("--data=digits", "--seeds=1", "--steps-scale=0.002", "--n=200", "--workdir", tmp_path)
    code, printed = command(mnist_baselines, *options)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "baselines.json").read_text())["rows"]
    fids = {row["network"]: row["fid"] for row in rows}
    assert list(fids) == ["mnist_mlp", "mnist_dcgan", "mnist_vae", "real"]
    assert fids["real"] == min(fids.values())
    assert "| mnist_vae | 12 | 1 |" in printed.out
    with Image.open(tmp_path / "baselines.png") as picture:
        assert 2.5 < picture.width / picture.height < 3.5  # a GAN, the VAE, real images
    code, again = command(mnist_baselines, *options)
    assert code == 0
    assert "bound" in printed.out
    assert "bound" not in again.out  # the VAE is there
    assert [line for line in printed.out.splitlines() if line[0] == "|"] == [
        line for line in again.out.splitlines() if line[0] == "|"
    ]
