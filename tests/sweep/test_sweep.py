"""Many runs in one program: each is the run that it would have been alone, whatever its neighbours do."""

import contextlib
import csv
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import build, cli, data, train
from jaxgan.config import Config, config_of
from jaxgan.rules import ACGAN, InfoGAN, Rules
from jaxgan.run import placement
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.state import GANState
from jaxgan.sweep import population, program, results, schedule, settings
from jaxgan.system import limits, signals
from jaxgan.system.errors import UserError

STEPS = 3
GRID = ["generator-learning-rate=0.1,0.02", "ema-decay=0.5,0.9", "penalty-weight=0.1,2"]
SETTINGS = {"batch_size": 16, "steps": STEPS, "log_every": 1, "compilation_cache": False}
BASE = Config(batch_size=16, latent_dim=8, steps=STEPS, penalty="r1", optimizer="sgd", quiet=True)
ADAM = BASE.replace(optimizer="adam")


@pytest.fixture
def script(tmp_path):
    """Write an experiment, and come to its folder."""
    images = data.digits().images[:60]
    np.savez(tmp_path / "images.npz", images=images)

    def write(**changes):
        changes = SETTINGS | {"data": str(tmp_path / "images.npz")} | changes
        text = ", ".join(f"{name}={value!r}" for name, value in changes.items())
        file = tmp_path / "experiment.py"
        file.write_text(
            f"from jaxgan.config import Config\nCONFIG = Config({text})\nraise SystemExit('trained')\n"
        )
        return file

    return write


def sweep(*arguments):
    cli.main(["sweep", *map(str, arguments)])


def table(folder):
    return json.loads((folder / "table.json").read_text())


@pytest.fixture(scope="module")
def three():
    """Three members on two devices: a fourth place is filled up."""
    some = settings.make(BASE.replace(seed=2**32 - 20), grid=GRID)
    some = [some[i].replace(seed=some[i].seed + i) for i in (0, 3, 6)]
    experiment = build.experiment(BASE, data.digits())
    varying = settings.varied(some)
    assert len(varying) == 4
    return some, program.fitting(BASE, varying, experiment, count=3, most=None, devices=jax.devices())


def advance(population, some, *calls):
    state = population.init(some)
    for n in calls:
        state, metrics = population.run(some, state, n)
    return jax.device_get(state), jax.device_get(metrics)


def same(one, other):
    return all(
        np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


@pytest.mark.slow
def test_each_member_is_the_single_run_with_its_settings(three, tmp_path):
    some, population = three
    state, metrics = advance(population, some, 1, STEPS - 1)
    config = some[2].replace(workdir=str(tmp_path), log_every=STEPS)
    wanted = jax.device_get(train.run(config, dataset=data.digits()).state)
    got = program.member(state, 2)
    assert jax.tree.structure(got.ema) == jax.tree.structure(wanted.ema)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert np.abs(one - other).max() <= 1e-6 * np.abs(other).max()
    row = json.loads((tmp_path / "metrics.jsonl").read_text())
    for name, values in metrics.items():
        np.testing.assert_allclose(values[2], row[name], rtol=1e-5)
    first = program.member(state, 0)
    assert not same(first.ema, got.ema)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("game", "changes", "grid"),
    [
        (InfoGAN(categories=(3,)), {}, ["information-weight=0.1,1", "continuous-weight=0.5,0.02"]),
        pytest.param(
            ACGAN(),
            {"conditional": True},
            ["class-weight=0.2,3", "generator-learning-rate=0.1,0.02"],
            marks=pytest.mark.long,
        ),
    ],
)
def test_weights_of_a_game_vary_within_a_program_and_each_member_is_its_single_run(
    game, changes, grid, tmp_path
):
    config = BASE.replace(game=game, penalty="none", penalty_weight=1.0, hidden=(8,), **changes)
    some = settings.make(config, grid=grid)
    assert settings.programs(some) == [[0, 1, 2, 3]]
    some, digits = [some[0], some[3]], data.digits()
    experiment = build.experiment(config, digits)
    varying = settings.varied(some)
    assert len(varying) == 2
    population = program.fitting(config, varying, experiment, count=2, most=None, devices=jax.devices()[:1])
    state, metrics = advance(population, some, 1, STEPS - 1)
    for i, member in enumerate(some):
        alone = member.replace(workdir=str(tmp_path / str(i)), log_every=STEPS, devices=1)
        wanted = jax.device_get(train.run(alone, dataset=digits).state)
        got = program.member(state, i)
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
            assert np.abs(one - other).max() <= 1e-6 * np.abs(other).max()
        row = json.loads((tmp_path / str(i) / "metrics.jsonl").read_text())
        for name, values in metrics.items():
            np.testing.assert_allclose(values[i], row[name], rtol=1e-5)
    assert not same(program.member(state, 0).ema, program.member(state, 1).ema)


@pytest.mark.long
def test_numbers_of_terms_and_a_target_vary_within_a_program(tmp_path):
    config = BASE.replace(penalty="none", penalty_weight=1.0, hidden=(8,), terms=("lecam", "top_k"))
    config = config.replace(lecam_start=1, augment=("bgc",), augment_target=0.5, augment_speed=0.1)
    config = config.replace(ema_half_life=100.0)
    grid = ["lecam-weight=0.1,5", "top-k-least=0.9,0.3", "augment-target=-0.9,0.9", "ema-half-life=20,500"]
    some = settings.make(config, grid=[*grid, "top-k-decay=0.5"])
    assert [len(group) for group in settings.programs(some)] == [16]
    some, digits = [some[0], some[15]], data.digits()
    experiment, varying = build.experiment(config.replace(top_k_decay=0.5), digits), settings.varied(some)
    assert len(varying) == 4
    population = program.fitting(some[0], varying, experiment, count=2, most=None, devices=jax.devices()[:1])
    state, _ = advance(population, some, 1, STEPS - 1)
    for i, member in enumerate(some):
        alone = member.replace(workdir=str(tmp_path / str(i)), log_every=STEPS, devices=1)
        wanted = jax.device_get(train.run(alone, dataset=digits).state)
        got = program.member(state, i)
        assert got.terms.keys() == wanted.terms.keys() == {"lecam", "augment"}
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
            assert np.abs(one - other).max() <= 1e-5 * np.abs(other).max() + 1e-7
    assert not same(program.member(state, 0).terms, program.member(state, 1).terms)


@pytest.mark.slow
def test_members_are_spread_over_the_devices_and_have_nothing_to_say_to_each_other(three):
    some, population = three
    assert population.size == 4
    kernel = population.init(some).generator.params["Dense_0"]["kernel"]
    assert [shard.data.shape[0] for shard in kernel.addressable_shards] == [2, 2]
    compiled = population._compiled.as_text()
    assert "while" in compiled
    for word in ("all-reduce", "all-gather", "all-to-all", "collective-permute"):
        assert word not in compiled


def test_a_member_that_diverges_is_frozen_and_the_others_are_not_disturbed(three):
    some, population = three
    sick = [some[0], some[1].replace(generator_learning_rate=1e30), some[2]]
    healthy, _ = advance(population, some, 1, 4)
    beside, metrics = advance(population, sick, 1, 4)
    for i in (0, 2):
        assert same(program.member(beside, i), program.member(healthy, i))
    assert program.diverged(beside)[:3] == [None, 2, None]
    assert program.diverged(healthy)[:3] == [None, None, None]
    assert all(np.isnan(values[1]) and np.isfinite(values[[0, 2]]).all() for values in metrics.values())
    before, _ = advance(population, sick, 1)
    frozen = [program.member(state, 1) for state in (beside, before)]
    assert same(frozen[0].generator.params, frozen[1].generator.params)
    assert same(frozen[0].discriminator, frozen[1].discriminator)
    assert same(frozen[0].ema, frozen[1].ema)
    assert same(advance(population, sick, 3, 2)[0], beside)  # however it is cut into calls


@pytest.mark.slow
def test_a_frozen_member_stays_so_where_its_next_step_would_be_finite():
    gan = build.experiment(BASE, data.digits()).init(jax.random.key(0))
    state = program.Member(
        **{name: getattr(gan, name) for name in gan.__dataclass_fields__}, diverged_at=jnp.int32(0)
    )
    moved = jax.tree.map(lambda leaf: leaf + 1, gan)
    moved = state.replace(**{name: getattr(moved, name) for name in gan.__dataclass_fields__})
    metrics = {"loss": jnp.float32(1)}
    after, _ = program._freeze(state, moved, metrics)
    assert same(after, moved)
    frozen = state.replace(diverged_at=jnp.int32(2))
    after, metrics = program._freeze(frozen, moved.replace(diverged_at=jnp.int32(2)), metrics)
    assert same(
        (after.generator, after.discriminator, after.ema), (state.generator, state.discriminator, state.ema)
    )
    assert (int(after.step), int(after.diverged_at)) == (1, 2)
    assert np.isnan(metrics["loss"])


def test_the_program_is_as_large_as_there_is_memory_for(monkeypatch):
    experiment, sizes = build.experiment(BASE, data.digits()), []

    class Counted(program.Program):
        def __init__(self, *arguments, size, devices):
            del arguments
            sizes.append(size)
            self.size, self.bytes = size, 100 * size + 50 * len(devices)

    monkeypatch.setattr(program, "Program", Counted)

    def fit(count, most=None, devices=1):
        sizes.clear()
        some = jax.devices()[:devices]
        return program.fitting(BASE, [], experiment, count=count, most=most, devices=some).size

    monkeypatch.setattr(limits, "available_memory", lambda: 1050)
    assert (fit(7), fit(16), fit(64), sizes) == (7, 8, 8, [64, 32, 16, 8])
    assert (fit(10, most=4), fit(10, most=3), fit(3, devices=2), fit(1, devices=2)) == (4, 3, 4, 1)
    assert fit(3, most=1, devices=2) == 1
    monkeypatch.setattr(limits, "available_memory", lambda: 150)
    assert (fit(8, devices=2), sizes) == (1, [8, 4, 2, 2, 1])  # one device needs less than two
    monkeypatch.setattr(limits, "available_memory", lambda: 50)
    with pytest.raises(UserError, match="a program of 1 members needs at least"):
        fit(5)


@pytest.mark.slow
def test_a_sweep_leaves_tables_a_figure_and_the_best_run(script, tmp_path, capsys):
    folder = tmp_path / "sweep"
    file = script(sample_every=2, metrics=("prdc",))
    command = (file, "--grid", "generator-learning-rate=2e-4,1e30", "--seeds", 2, "--workdir", folder)
    sweep(*command, "--devices", 1)
    out = capsys.readouterr().out
    for line in ("4 members in 1 program", "members 0, 1, 2, 3 in one", "diverged at step 2", "no extractor"):
        assert line in out
    rows = table(folder)
    assert [row["diverged_at"] for row in rows] == [None, None, 2, 2]
    assert [row["generator_learning_rate"] for row in rows] == [2e-4, 2e-4, 1e30, 1e30]
    assert rows[0]["logit_gap"] <= rows[1]["logit_gap"]
    with (folder / "table.csv").open() as opened:
        read = list(csv.DictReader(opened))
    assert [int(row["member"]) for row in read] == [row["member"] for row in rows]
    assert float(read[0]["logit_gap"]) == rows[0]["logit_gap"]
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")
    status = json.loads((folder / "status.json").read_text())
    assert (status["state"], status["step"]) == ("done", 3)

    best = folder / "best"
    settings = json.loads((best / "config.json").read_text())
    assert (settings["seed"], settings["workdir"]) == (rows[0]["seed"], str(best))
    cli.main(["sample", str(best), "--n", "4", "--out", str(tmp_path / "grid.png")])
    assert "4 images of step 3" in capsys.readouterr().out
    logged = [json.loads(line) for line in (best / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in logged] == [1, 2, 3]
    assert (best / "plots/curves.png").exists()
    assert (best / "samples/step_00000003.png").exists()

    before = (folder / "table.json").read_bytes()
    sweep(*command, "--devices", 2)  # all is there
    assert (folder / "table.json").read_bytes() == before
    assert "compiled" not in capsys.readouterr().out


@pytest.mark.slow
def test_the_best_run_goes_on_as_one_that_was_alone(script, tmp_path):
    folder = tmp_path / "sweep"
    options = ("--grid", "discriminator-learning-rate=1e-4,2e-4", "--grid", "beta2=0.9")
    sweep(script(), *options, "--workdir", folder)
    best = json.loads((folder / "best/config.json").read_text())
    config = config_of(best)
    longer = train.run(config.replace(steps=STEPS + 2))
    alone = train.run(config.replace(steps=STEPS + 2, workdir=str(tmp_path / "alone")))
    for one, other in zip(jax.tree.leaves(longer.state), jax.tree.leaves(alone.state), strict=True):
        assert np.abs(one - other).max() <= 1e-4 * np.abs(other).max()  # Adam enlarges what rounding leaves


@pytest.mark.long
def test_members_are_judged_by_the_data_sets_extractor(script, tmp_path, digits_cnn, capsys):
    folder = tmp_path / "sweep"
    file = script(data="digits", evaluate_n=200)
    sweep(file, "--log-uniform", "generator-learning-rate=1e-4,1e-3", "--random", 3, "--workdir", folder,
          "--grid", "metrics=fid,modes")  # fmt: skip
    rows = table(folder)
    assert [row["fid"] for row in rows] == sorted(row["fid"] for row in rows)
    assert all(0 <= row["modes_modes"] <= 10 for row in rows)
    assert "is the best by fid" in capsys.readouterr().out
    cli.main(["evaluate", str(folder / "best"), "--metrics", "fid", "--n", "200"])
    best = folder / "best"
    settings = json.loads((best / "config.json").read_text())
    config = config_of(settings)
    train.run(config.replace(evaluate_every=STEPS, workdir=str(tmp_path / "alone")))
    (alone,) = map(json.loads, (tmp_path / "alone/evaluations.jsonl").read_text().splitlines())
    assert alone["fid"] == pytest.approx(rows[0]["fid"], rel=1e-3)  # pixels are rounded to 8 bits


def counted(monkeypatch, stop_after=None, error=None):
    """Count the calls of programs, and do something after one of them."""
    calls, run = [], program.Program.run

    def run_counted(self, some, state, n):
        calls.append(n)
        if error is not None and len(calls) > stop_after:
            raise error
        return run(self, some, state, n)

    monkeypatch.setattr(program.Program, "run", run_counted)
    return calls


@pytest.mark.slow
def test_a_killed_sweep_goes_on_where_it_was(script, tmp_path, monkeypatch, capsys):
    """Two populations of two steps a call; the process dies in the second one, after its checkpoint."""
    file = script(steps=4, save_every=2)
    options = (file, "--grid", "generator-learning-rate=1e-4,2e-4,4e-4", "--at-once", 2, "--devices", 1)
    sweep(*options, "--workdir", tmp_path / "whole")
    with monkeypatch.context() as patch:
        counted(patch, stop_after=4 + 3, error=RuntimeError("killed"))
        with pytest.raises(RuntimeError, match="killed"):
            sweep(*options, "--workdir", tmp_path / "parts")
    assert not (tmp_path / "parts/table.json").exists()
    capsys.readouterr()
    with monkeypatch.context() as patch:
        calls = counted(patch)
        sweep(*options, "--workdir", tmp_path / "parts")
    assert sum(calls) == 2
    assert "goes on at step 2" in capsys.readouterr().out
    assert table(tmp_path / "parts") == table(tmp_path / "whole")
    for name in ("0000", "0002"):
        one, other = (tmp_path / part / "populations" / name / "metrics.jsonl" for part in ("parts", "whole"))
        assert one.read_bytes() == other.read_bytes()
    with pytest.raises(SystemExit) as caught:
        sweep(file, "--seeds", 2, "--workdir", tmp_path / "parts")
    assert caught.value.code == 2
    assert "holds a run with other settings" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_saves_and_the_same_command_goes_on(script, tmp_path, monkeypatch, capsys):
    asked = signals.Preemption()

    class Asking(program.Program):
        def run(self, some, state, n):
            asked.signal = signals.signal.SIGINT
            return super().run(some, state, n)

    options = (script(), "--seeds", 2, "--workdir", tmp_path / "sweep", "--devices", 1)
    with monkeypatch.context() as patch:
        patch.setattr(program, "Program", Asking)
        patch.setattr(signals, "listen", lambda: contextlib.nullcontext(asked))
        with pytest.raises(SystemExit) as caught:
            sweep(*options)
    assert caught.value.code == 75
    assert "stopped; the same command goes on" in capsys.readouterr().out
    status = json.loads((tmp_path / "sweep/status.json").read_text())
    assert (status["state"], status["step"]) == ("preempted", 1)
    sweep(*options)
    assert "goes on at step 1" in capsys.readouterr().out
    assert len(table(tmp_path / "sweep")) == 2


@pytest.mark.slow
def test_what_cannot_vary_in_a_program_makes_consecutive_ones(script, tmp_path, capsys):
    grid = ("--grid", "batch-size=8,16", "--seeds", 2, "--grid", "loss=hinge")
    sweep(script(steps=1), *grid, "--workdir", tmp_path / "sweep")
    out = capsys.readouterr().out
    assert "4 members in 2 programs" in out
    assert out.count("compiled a program of 2 members") == 2
    assert [row["batch_size"] for row in sorted(table(tmp_path / "sweep"), key=lambda row: row["member"])] == [
        8, 8, 16, 16,
    ]  # fmt: skip


def test_an_experiments_settings_are_read_without_its_training(script, request):
    assert settings.read_config(script(steps=7)).steps == 7
    config = settings.read_config(request.config.rootpath / "experiments/mnist_mlp.py")
    assert (config.data, config.penalty) == ("mnist", "r1")


def test_members_are_all_combinations_with_all_seeds():
    some = settings.make(ADAM, grid=["beta1=0,0.5", "--batch-size=8,16", "steps=9"], seeds=3)
    varied = [(m.beta1, m.batch_size, m.seed) for m in some]
    assert varied == [(b, size, seed) for b in (0.0, 0.5) for size in (8, 16) for seed in range(3)]
    assert {m.steps for m in some} == {9}
    assert settings.varied(some) == ["batch_size", "seed", "beta1"]
    assert [len(group) for group in settings.programs(some)] == [6, 6]
    sgd = settings.make(BASE, grid=["momentum=0,0.5", "--batch-size=8,16"], seeds=3)
    assert [len(group) for group in settings.programs(sgd)] == [3, 3, 3, 3]  # with momentum, another state
    (member,) = settings.make(BASE, grid=["gradient-clip=none", "conditional=false", "augment=bgc"])
    assert (member.gradient_clip, member.conditional) == (None, False)


def test_a_number_and_none_are_two_programs():
    some = settings.make(ADAM, grid=["ema-half-life=None,100,500"], seeds=2)
    assert settings.programs(some) == [[0, 1], [2, 3, 4, 5]]
    assert settings.varied([some[i] for i in (2, 4)]) == ["ema_half_life"]


def test_options_of_a_game_vary_like_any_other_setting():
    info = BASE.replace(game=InfoGAN())
    some = settings.make(
        info, grid=["categories=10", "--categories=5,4", "information-weight=0.1,1", "hidden=16,8"], seeds=2
    )
    assert [(m.game.categories, m.game.information_weight, m.seed) for m in some] == [
        (categories, weight, seed) for categories in ((10,), (5, 4)) for weight in (0.1, 1.0) for seed in (0, 1)
    ]  # fmt: skip
    assert {m.hidden for m in some} == {(16, 8)}
    assert settings.varied(some) == ["seed", "categories", "information_weight"]
    assert settings.programs(some) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    drawn = settings.make(info, log_uniform=["continuous-weight=0.01,1"], random=3)
    assert len({m.game.continuous_weight for m in drawn}) == 3
    assert settings.programs(drawn) == [[0, 1, 2]]
    rows = results.table(some, [{"member": i, "diverged_at": None, "judged_by": "fid"} for i in range(8)])
    assert rows[5]["categories"] == (5, 4)
    assert rows[5]["information_weight"] == 0.1
    assert list(results._groups(some))[3] == "--categories 5,4 --information-weight 1"


@pytest.mark.parametrize(
    ("game", "grid", "message"),
    [
        (Rules(), "information-weight=1", "`grid` information-weight is unknown: "),
        (InfoGAN(), "information_wait=1", "did you mean information_weight"),
        (InfoGAN(), "information-weight=-1", "`information_weight` must be 0 or a positive number, got -1"),
        (InfoGAN(), "continuous-codes=1.5", "`continuous_codes` is a whole number"),
        (InfoGAN(continuous_codes=0), "categories=none", "an InfoGAN has at least one code"),
    ],
)
def test_a_wrong_option_of_a_game_is_one_sentence(game, grid, message):
    with pytest.raises(UserError, match=message):
        settings.make(BASE.replace(game=game), grid=[grid])


def test_random_members_are_log_uniform_and_the_same_again():
    options = {
        "log_uniform": ["generator-learning-rate=1e-5,1e-1"], "grid": ["beta1=0,0.5"], "random": 200
    }  # fmt: skip
    some = settings.make(ADAM, **options)
    assert some == settings.make(ADAM, **options)
    assert some != settings.make(ADAM.replace(seed=1), **options)
    exponents = np.log10([m.generator_learning_rate for m in some])
    assert exponents.min() >= -5
    assert exponents.max() <= -1
    np.testing.assert_allclose(np.percentile(exponents, [25, 50, 75]), [-4, -3, -2], atol=0.3)
    assert 0.4 < np.mean([m.beta1 == 0 for m in some]) < 0.6


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("--grid bata1=1", "--grid bata1 is unknown: did you mean beta1"),
        ("--grid beta1", "--grid takes NAME=VALUE"),
        ("--grid steps=many", "--steps is a whole number, got 'many'"),
        ("--grid beta1=2", "--beta1 must be at least 0 and below 1"),
        ("--grid workdir=here", "a sweep sets --workdir itself"),
        ("--grid log-every=1 --grid log-every=2", "--log-every must be the same for all members"),
        ("--grid loss=hing", "did you mean hinge"),
        ("--seeds 0", "--seeds must be at least 1"),
        ("--seeds 2 --grid seed=1,2", "choose one"),
        ("--log-uniform beta1=0.1,0.2", "--log-uniform needs --random"),
        ("--log-uniform beta1=0.2,0.1 --random 2", "takes two positive numbers"),
        ("--log-uniform gradient-clip=None,1 --random 2", "takes two positive numbers"),
        ("--log-uniform batch-size=1,2 --random 2", "settings that are not whole numbers"),
        ("--log-uniform beta1=0.1,0.2 --grid beta1=0.1 --random 2", "choose one"),
        ("--random 3", "--random is at least 1, and draws from"),
        ("--at-once 0", "--at-once must be at least 1"),
        ("--devices 3", "--devices 3 is more than the 2"),
        ("--grid device-data=0", "a sweep keeps its data on the device"),
        ("--grid batch-size=100", "is more than the 60 images"),
    ],
)
def test_mistakes_are_one_sentence(script, tmp_path, capsys, arguments, why):
    with pytest.raises(SystemExit) as caught:
        sweep(script(), *arguments.split(), "--workdir", tmp_path / "sweep")
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert why in message
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert not (tmp_path / "sweep").exists()  # the folder is free for the command that was meant


@pytest.mark.slow
def test_a_sweep_is_the_same_whatever_jax_is_told(script, tmp_path):
    sweep(script(), "--workdir", tmp_path / "plain")
    with jax.default_prng_impl("rbg"), jax.enable_x64(True), jax.threefry_partitionable(False):
        sweep(script(), "--workdir", tmp_path / "other")
    for name in ("table.json", "best/metrics.jsonl", "best/export/generator.safetensors"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_without_jit_a_sweep_says_that_it_is_a_program(script, tmp_path, capsys):
    with jax.disable_jit(), pytest.raises(SystemExit) as caught:
        sweep(script(), "--workdir", tmp_path / "sweep")
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: a sweep is a compiled program: unset JAX_DISABLE_JIT\n"
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "cannot read the experiment"),
        ("print(", "cannot read the experiment"),
        ("config = 1", "holds no CONFIG = Config(...)"),
        ("CONFIG = 1", "is of the type int: a sweep varies a jaxgan.config.Config"),
        (
            "from jaxgan.config import Config\nCONFIG = Config(distributed=True)",
            "is distributed: a sweep runs in one process",
        ),
        ("import nowhere\nCONFIG = 1", "fails before its CONFIG: ModuleNotFoundError"),
    ],
)
def test_a_script_that_is_no_experiment_is_one_sentence(tmp_path, text, why):
    file = tmp_path / "script.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=re.escape(why)):
        settings.read_config(file)


@pytest.mark.slow
def test_figures_of_every_kind_of_sweep(tmp_path, drawn_figures):
    names = ("discriminator_loss", "generator_loss", "real_logit", "fake_logit")
    rng = np.random.default_rng(0)

    def figure(some, lost):
        found = [
            {"member": i, "diverged_at": 3, "population": "0000"} if i in lost
            else {"member": i, "diverged_at": None, "judged_by": "fid", "extractor": "digits-cnn", "fid": float(i)}
            for i in range(len(some))
        ]  # fmt: skip
        rows = [
            {"member": i, "step": step} | {name: rng.normal() for name in names}
            for i in range(len(some)) for step in range(1, 3 if i in lost else 6)
        ]  # fmt: skip
        results.plot(some, found, rows, tmp_path / "sweep.png")
        finals = drawn_figures[-1].axes[-1]
        reached = [y for line in finals.lines if line.get_marker() == "o" for y in line.get_ydata()]
        assert sorted(reached) == [i for i in range(len(some)) if i not in lost]
        assert [len(line.get_xdata()) for line in finals.lines if line.get_marker() == "x"] == [len(lost)]
        by_member = {
            tuple(row["discriminator_loss"] for row in rows if row["member"] == i) for i in range(len(some))
        }
        drawn = {tuple(line.get_ydata()) for axes in drawn_figures[-1].axes for line in axes.lines}
        assert by_member <= drawn  # a curve a member
        return results.text(results.table(some, found)).splitlines()

    lines = figure(settings.make(ADAM, grid=["beta1=0,0.5", "loss=hinge,wasserstein"], seeds=3), {2})
    assert len(lines) == 13
    assert len({len(line) for line in lines[:-1]}) == 1
    assert lines[-1].endswith("diverged at step 3")
    ranges = ["generator-learning-rate=1e-5,1e-1"]
    assert figure(settings.make(BASE, log_uniform=ranges, random=30), set())[-1] == "and 10 more in table.csv"
    figure(settings.make(BASE, seeds=2), {0, 1})
    assert population.ranked_by([]) == population.GAP
    assert schedule.PLAN.endswith(".json")


def test_the_best_run_is_written_on_one_device_as_its_member_was_trained(tmp_path, monkeypatch):
    """A batch of 15 does not divide over the two devices that there are."""
    some, written = settings.make(ADAM.replace(batch_size=15), grid=["beta1=0,0.5"]), []
    found = [
        {"member": i, "diverged_at": None, "population": "0000", "judged_by": "fid", "fid": float(i)}
        for i in range(2)
    ]
    (tmp_path / "populations").mkdir()
    monkeypatch.setattr(results, "plot", lambda *_: None)
    monkeypatch.setattr(population, "write_run", lambda config, *_: written.append(config))
    schedule._show(tmp_path, some, found, lambda _: None)
    with pytest.raises(UserError, match="batch_size` 15"):
        placement.place(build.experiment(some[0], data.digits()), some[0])
    placement.place(build.experiment(some[0], data.digits()), written[0])


def test_a_figure_of_a_setting_that_some_members_go_without_leaves_the_metrics_as_they_are(tmp_path):
    some = settings.make(BASE, grid=["gradient-clip=1.0,None"])
    found = [
        {"member": i, "diverged_at": None, "population": "0000", "judged_by": "fid", "fid": float(i)}
        for i in range(2)
    ]
    names = ("discriminator_loss", "generator_loss", "real_logit", "fake_logit")
    rows = [{"member": i, "step": 1, **dict.fromkeys(names, 1.0)} for i in range(2)]
    before = [dict(row) for row in rows]
    results.plot(some, found, rows, tmp_path / "sweep.png")
    assert rows == before  # the best run's are written next


def test_weights_of_efficientnet_make_a_plan_and_are_the_same_for_all_members(monkeypatch):
    weights = "efficientnet-weights"
    with pytest.raises(UserError, match="`efficientnet_weights` must be the same"):
        settings.make(BASE, grid=[f"{weights}=one", f"{weights}=other"])
    some, asked = settings.make(BASE, grid=[f"{weights}=one"]), []
    photographs = data.from_arrays(np.zeros((20, 8, 8, 3), np.uint8), name="photographs")
    monkeypatch.setattr(build, "dataset", lambda _: photographs)
    monkeypatch.setattr(schedule.evaluation_plan, "plan", lambda config, _: asked.append(config))
    monkeypatch.setattr(schedule, "fitting", lambda *_, **__: program.Program.__new__(program.Program))
    monkeypatch.setattr(program.Program, "size", 1, raising=False)
    schedule._setting(some, [0], jax.devices(), lambda _: None)
    assert [config.efficientnet_weights for config in asked] == ["one"]


@pytest.mark.slow
def test_a_checkpoint_of_a_version_without_diverged_at_goes_on(three, tmp_path):
    """Members were marked in the generator's counter, by the negative of the step at which they diverged."""
    some, population = three
    sick = [some[0], some[1].replace(generator_learning_rate=1e30), some[2]]
    state, _ = advance(population, sick, 3)
    old = {name: getattr(state, name) for name in ("step", "discriminator", "ema", "latent_dim")}
    counts = np.where(state.diverged_at > 0, -state.diverged_at, state.generator.step)
    saved = GANState(**old, generator=state.generator.replace(step=counts))
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(3, saved)
        restored = population.restore(checkpoints)
    assert program.diverged(restored)[:3] == [None, 2, None]
    assert same(program.member(restored, 0), program.member(state, 0))


def test_a_script_with_pieces_of_its_own_is_refused(script):
    """A sweep would train the networks that the settings name, without a word."""
    file = script()
    file.write_text(
        file.read_text().replace("raise", "train.run(CONFIG, generator=Mine(), loss=mine)\nraise")
    )
    with pytest.raises(UserError, match=r"trains with pieces of its own \(generator, loss\)"):
        settings.read_config(file)
