"""The benchmarks run and print what they promise. No test looks at how fast anything is."""

import importlib
import json
import math
import os
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import build
from jaxgan.layers import ResidualBlock
from jaxgan.names import FAMILIES
from jaxgan.networks import dcgan
from jaxgan.system.errors import UserError

TINY = "--image-size 8 --batch-size 4 --d-steps 2 --images 40 --pictures 10"
PLAIN = "mlp dcgan_28"
QUICK = "--repetitions 2 --seconds 0.01"


@pytest.fixture
def benchmarks(request, monkeypatch):
    """Import a module of the benchmarks as their scripts do."""
    monkeypatch.syspath_prepend(request.config.rootpath / "benchmarks")
    return importlib.import_module


@pytest.mark.slow
def test_the_program_prints_tables_and_writes_json(request, run_program, tmp_path):
    program = request.config.rootpath / "benchmarks/step_time.py"
    result = run_program(
        program, *f"{TINY} --width 4 {QUICK} --networks {PLAIN} --json out.json".split(), cwd=tmp_path
    )
    assert result.stderr == ""
    lines = [line for line in result.stdout.splitlines() if line.startswith("|")]
    networks, ways, waits, opening = lines[:4], lines[4:9], lines[9:13], lines[13:]
    assert [line.split()[1] for line in opening] == [
        "opening",
        "----------------------------",
        "first",
        "cached",
    ]
    for table in (networks, ways, waits, opening):
        assert len({len(line) for line in table}) == 1  # aligned
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]

    record = json.loads((tmp_path / "out.json").read_text())
    assert record["environment"]["device"] == "1 x cpu"
    assert {"python", "packages", "cores", "commit"} <= set(record["environment"])
    assert {"jax", "jaxlib", "flax"} <= set(record["environment"]["packages"])
    assert record["settings"]["repetitions"] == 2
    assert record["settings"]["configs"]["mlp"]["batch_size"] == 4
    assert list(record["networks"]) == PLAIN.split()
    assert list(record["input"]) == ["on the device", "streamed", "streamed folder"]
    assert list(record["streamed"]) == PLAIN.split()
    for network in record["streamed"].values():
        assert len(network["waits"]) == 2
        assert all(0 < share < 1 for share in network["waits"])
    for network in record["networks"].values():
        assert network["images_per_batch"] == 8  # of both discriminator updates
        assert network["compile_seconds"] > 0
        assert network["flops_per_step"] > 0
        assert network["bytes_per_step"] > 0
        assert min(network["generator_parameters"], network["discriminator_parameters"]) > 0
    for times in (*record["networks"].values(), *record["input"].values()):
        rates = times["batches"] / np.array(times["seconds"])
        assert len(rates) == 2
        np.testing.assert_allclose(times["batches_per_second"], np.percentile(rates, [25, 50, 75]))
        np.testing.assert_allclose(
            times["images_per_second"], times["images_per_batch"] * np.percentile(rates, [25, 50, 75])
        )
    assert [len(times) for times in record["opening_seconds"].values()] == [2, 2]


@pytest.mark.long
def test_only_what_is_asked_for_is_measured(benchmarks, capsys):
    benchmarks("step_time").main(f"{TINY} {QUICK} --networks mlp --no-input --penalty r1".split())
    out = capsys.readouterr().out
    assert "| mlp " in out
    assert "dcgan" not in out
    assert "streamed" not in out


@pytest.mark.long
def test_games_are_measured_beside_the_plain_one_of_the_same_networks(benchmarks, capsys, tmp_path):
    games = f"--networks mlp --no-input --games infogan acgan gan --json {tmp_path / 'out.json'}"
    benchmarks("step_time").main(f"{TINY} {QUICK} {games}".split())
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| mlp ")]
    assert [row[0] for row in rows if len(row) == 7] == ["| mlp infogan", "| mlp acgan  "]
    assert [row[1].strip() for row in rows if len(row) == 7] == ["mlp", "mlp conditional"]
    record = json.loads((tmp_path / "out.json").read_text())
    networks, settings = record["networks"], record["settings"]["configs"]
    assert list(networks) == ["mlp", "mlp infogan", "mlp conditional", "mlp acgan"]
    assert [settings[name]["game"] for name in networks] == ["gan", "infogan", "gan", "acgan"]
    assert [settings[name]["conditional"] for name in networks] == [False, False, True, True]
    assert networks["mlp infogan"]["flops_per_step"] > networks["mlp"]["flops_per_step"]
    state = 12 * (networks["mlp"]["generator_parameters"] + networks["mlp"]["discriminator_parameters"])
    assert networks["mlp"]["peak_bytes"] > state  # parameters and both averages of Adam


def test_ratios_of_games_are_those_of_equal_repetitions(benchmarks, capsys):
    facts = {"flops_per_step": 100.0, "peak_bytes": 2e6, "batches": 10}
    results = {
        "mlp": {**facts, "seconds": [1.0, 2.0, 4.0]},
        "mlp bigan": {**facts, "batches": 5, "flops_per_step": 150.0, "seconds": [1.0, 1.5, 2.0]},
    }
    benchmarks("step_time").print_games(results)
    assert (
        "| mlp bigan |    mlp |           1.50 | 1.25 .. 1.75 |            1.50 |" in capsys.readouterr().out
    )


@pytest.mark.long
def test_every_way_to_share_a_step_is_measured(benchmarks, capsys):
    quick = ["--devices", "1", "2", "--repetitions", "1", "--seconds", "0.01", "--networks"]
    benchmarks("parallel").main([*quick, "tiny MLP"])
    rows = capsys.readouterr().out.splitlines()[2:]
    modes = ["one call a step", "many steps a call", "shard_map", "pmap"]
    assert [row.split(" | ")[1] for row in rows] == modes


@pytest.mark.long
def test_a_data_set_of_ones_own_is_streamed(benchmarks, capsys):
    benchmarks("step_time").main(f"{TINY} {QUICK} --networks mlp --data digits".split())
    assert "| streamed " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--networks mpl", "--networks mpl is unknown: did you mean mlp"),
        ("--loss hing", "did you mean hinge"),
        ("--network", "expected at least one argument"),
        ("--networks mlp --width 4", "--width 4 has no effect with --network mlp"),
        ("--batch-size many", "invalid int value"),
        ("--batch-size 0", "--batch-size must be at least 1"),
        ("--batch-size 5 --images 4", "is more than the 4 images"),
        ("--image-size 28by28", "--image-size is H or HxW"),
        ("--image-size 0", "--image-size is at least 1x1"),
        ("--channels 0", "--channels must be at least 1"),
        ("--repetitions 0", "--repetitions must be at least 1"),
        ("--pictures 0", "--pictures must be at least 1"),
        ("--seconds 0", "--seconds must be a positive number"),
        ("--seconds inf", "--seconds must be a positive number"),
        ("--data no/such/folder", "there is no folder"),
        ("--json no/such/folder/out.json", "--json must be a file in a folder that exists"),
        ("--networks dcgan_28 --penalty r1", "batch normali"),
        ("--fast", "unrecognized arguments"),
    ],
)
def test_mistakes_are_one_sentence(benchmarks, capsys, options, message):
    with pytest.raises(SystemExit) as error:
        benchmarks("step_time").main(options.split())
    assert error.value.code == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_setting_changes_the_networks_that_it_has_an_effect_on(benchmarks):
    step_time = benchmarks("step_time")
    arguments = step_time.parse(["--networks", "mlp", "dcgan_28", "--width", "4", "--image-size", "8x12"])
    configs = step_time.configs(arguments)
    assert configs["dcgan_28"].width == 4
    assert configs["mlp"] == step_time.NETWORKS["mlp"].replace(image_size=(8, 12))


def test_every_network_of_the_library_is_measured(benchmarks):
    assert {config.network for config in benchmarks("training").NETWORKS.values()} == set(FAMILIES)


def test_columns_are_as_wide_as_their_cells(benchmarks, capsys):
    tables = benchmarks("tables")
    tables.Table(["name", "ms"], [["a", "1,000"], ["b", "2"]])
    assert capsys.readouterr().out.splitlines() == [
        "| name |    ms |",
        "| ---- | ----: |",
        "| a    | 1,000 |",
        "| b    |     2 |",
    ]
    tables.Table(["name", "ms"], names=["network"]).add(["mlp", "12"])
    assert capsys.readouterr().out.splitlines()[2] == "| mlp     | 12 |"


@pytest.mark.slow
def test_the_linen_side_plays_the_same_networks_with_linens_layers(benchmarks):
    def play(key):
        played = []
        for network, shape in (
            (dcgan.Generator((8, 8, 1), 4), (6, 3)),
            (dcgan.Discriminator(4), (6, 16, 16, 1)),
            (ResidualBlock(4, resample="up"), (2, 4, 4, 3)),
            (ResidualBlock(4, resample="down"), (2, 4, 4, 3)),
        ):
            inputs = jax.random.normal(key, shape)
            variables = network.init(key, inputs, train=False)
            bent = jax.tree.map(
                lambda leaf: leaf + 0.1 * jnp.cos(jnp.arange(leaf.size)).reshape(leaf.shape), variables
            )
            played.append((variables, network.apply(bent, inputs, train=True, mutable=["batch_stats"])))
        return played

    ours = jax.jit(lambda key: play(key)).trace(jax.random.key(0))
    with benchmarks("linen_layers").linen_layers():
        linens = jax.jit(lambda key: play(key)).trace(jax.random.key(0))
    assert "conv_general_dilated" in str(linens.jaxpr)
    assert "conv_general_dilated" not in str(ours.jaxpr)
    results = (traced.lower().compile()(jax.random.key(0)) for traced in (ours, linens))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *results)


PARAMETERS = {  # of generator and discriminator, as `torch_networks` has them
    "sngan_32": [4276739, 1053825],
    "biggan_32": [1218307, 1055105],
    "r3gan_32": [285888, 281856],
    "stylegan2_64": [12173272, 14037569],
}


@pytest.mark.long
def test_networks_beside_pytorch_have_its_numbers_of_parameters(benchmarks):
    vs_pytorch, training = benchmarks("vs_pytorch"), benchmarks("training")
    for name, counts in PARAMETERS.items():
        config = vs_pytorch.NETWORKS[name].check()
        experiment = build.experiment(config, training.made_dataset(config, 32))
        state = jax.eval_shape(experiment.init, jax.random.key(0))
        players = state.generator.params, state.discriminator.params
        assert [sum(leaf.size for leaf in jax.tree.leaves(each)) for each in players] == counts, name


def test_sides_with_other_networks_are_refused(benchmarks, monkeypatch):
    vs_pytorch, stopped = benchmarks("vs_pytorch"), []

    class Worker:
        def __init__(self, command, environment):
            self.first = {"parameters": [10, 20 + ("linen" in command)], "versions": {}}

        def wait(self):
            return True

        def stop(self):
            stopped.append(self)

    monkeypatch.setattr(vs_pytorch, "Worker", Worker)
    arguments = vs_pytorch.parse(["--networks", "r3gan_32"])
    with pytest.raises(UserError, match=r"r3gan_32 is not the same network on all sides.* \[10, 21\]"):
        vs_pytorch.compare("r3gan_32", 4, "float32", arguments)
    assert len(stopped) == 2


def test_a_row_has_the_fastest_of_pytorch_and_the_memory_of_each_side(benchmarks):
    times = {"jaxgan": [1.0, 2.0, 4.0], "linen": [2.0, 4.0, 8.0], "torch a": [9.0, 9.0, 9.0]}
    times["torch b"] = [1.0, 4.0, 6.0]
    peaks = {side: 1e6 * (i + 1) for i, side in enumerate(times)}
    result = {"network": "mlp", "precision": "float32", "batch_size": 8}
    cells = benchmarks("vs_pytorch").row(result | {"step_seconds": times, "peak_bytes": peaks})
    assert cells[3:5] == ["4", "2"]  # images a second
    assert cells[5:] == ["2.00x (2.00 .. 2.00)", "2 (b)", "1.50x (1.00 .. 2.00)", "1, 2, 4"]


def test_a_row_without_linen_leaves_its_cells_empty(benchmarks):
    times, peaks = {"jaxgan": [1.0, 2.0, 4.0], "torch a": [2.0, 2.0, 2.0]}, {"jaxgan": 1e6, "torch a": 3e6}
    result = {"network": "mlp", "precision": "float32", "batch_size": 8}
    cells = benchmarks("vs_pytorch").row(result | {"step_seconds": times, "peak_bytes": peaks})
    assert cells[3:] == ["4", "", "", "4 (a)", "1.00x (0.50 .. 2.00)", "1, -, 3"]


@pytest.mark.parametrize(("clock", "seconds"), [("wall", 2.0), ("processor", 1.0)])
def test_a_clock_chooses_the_seconds_of_a_step(benchmarks, clock, seconds):
    answer = {"step_seconds": 2.0, "processor_seconds": 1.0}
    worker = benchmarks("vs_pytorch").Worker(
        [sys.executable, "-c", f"import json; input(); print(json.dumps({answer}))"], dict(os.environ)
    )
    worker.train(0.1, clock)
    worker.stop()
    assert worker.times == [seconds]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="a system that does not forget")
def test_the_peak_of_memory_counts_from_where_it_is_forgotten(benchmarks):
    memory, size = benchmarks("memory"), 2**26
    memory.forget_peak()
    block = np.ones(size, np.uint8)
    with_block = memory.peak_bytes()
    del block
    memory.forget_peak()
    assert memory.peak_bytes() < with_block - size // 2
    block = np.ones(size, np.uint8)
    assert memory.peak_bytes() > with_block - size // 2
    del block


def test_works_are_timed_in_turns_as_often_as_fits(benchmarks):
    timing, calls = benchmarks("timing"), []

    def work(name, batches_per_second):
        def seconds(count):
            calls.append((name, count))
            return count / batches_per_second

        return timing.Work(3, seconds)

    works = {"slow": work("slow", 0.5), "fast": work("fast", 1000.0)}
    results = timing.measure(works, repetitions=2, seconds=1.0)
    assert calls[-4:] == [("slow", 1), ("fast", 1000)] * 2
    assert results["slow"]["batches_per_second"] == [0.5, 0.5, 0.5]
    assert results["fast"]["images_per_second"] == [3000.0, 3000.0, 3000.0]


def test_the_input_on_the_device_gathers_every_batch(benchmarks, monkeypatch):
    inputs, steps = benchmarks("inputs"), []
    batch_at = inputs.data.batch_at

    def watched(data, step, **options):
        inputs.jax.debug.callback(lambda step: steps.append(int(step)), step)
        return batch_at(data, step, **options)

    monkeypatch.setattr(inputs.data, "batch_at", watched)
    inputs.on_device(inputs.made_images(10, (2, 2, 1)), 4).seconds(5)
    inputs.jax.effects_barrier()
    assert sorted(steps) == [0, 1, 2, 3, 4]


@pytest.mark.long
def test_populations_are_measured_beside_a_loop_and_processes(request, run_program, tmp_path):
    program = request.config.rootpath / "benchmarks/populations.py"
    command = "--quick --workloads ring --json out.json"
    result = run_program(program, *command.split(), cwd=tmp_path)
    lines = [line for line in result.stdout.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 2 * 3
    assert len({len(line) for line in lines}) == 1
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [row["way"] for row in rows[:2]] == ["population", "loop"]
    for row in rows:
        together = {"population": row["members"], "loop": 1}.get(row["way"]) or int(row["way"].split()[0])
        waves = math.ceil(row["members"] / together)
        seconds = waves * row["steps"] * together / row["steps_per_second"][1]
        hourly = 3600 * row["members"] / (row["start_seconds"] + seconds)
        assert row["runs_per_hour"][1] == pytest.approx(hourly)


@pytest.mark.parametrize(
    ("program", "options", "message"),
    [
        ("populations", "--workloads rings", "did you mean ring"),
        ("populations", "--members 0", "--members must be at least 1"),
        ("populations", "--images 5", "--images must be at least a batch"),
        ("populations", "--seconds 0", "--seconds must be a positive number"),
        ("scaling", "--repetitions 0", "--repetitions must be at least 1"),
        ("vs_pytorch", "--networks dcgan-18", "did you mean dcgan_28"),
        ("vs_pytorch", "--clock cpu", "clock"),
        ("vs_pytorch", "--torch-python no/such/python", "no/such/python is no Python that has torch"),
        ("vs_ctgan", "--rows 5", "--rows must be at least 100, got 5"),
        ("vs_ctgan", "--csv table.doc", "--csv table.doc is no table"),
        ("vs_ctgan", "--ctgan-python no/such/python", "no/such/python is no Python that has ctgan"),
        ("explain", "--critics mlp", "did you mean mlp_28"),
        ("explain", "--oracle-python no/such/python", "no/such/python is no Python that has shap and lime"),
    ],
)
def test_mistakes_with_other_programs_are_one_sentence(benchmarks, capsys, program, options, message):
    with pytest.raises(SystemExit) as error:
        benchmarks(program).main(options.split())
    assert error.value.code == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("program", "options", "row"),
    [
        pytest.param(
            "kernels.py",
            "--width 4 --batch-size 2 --only BatchNorm --repetitions 2 --seconds 0.001",
            "| BatchNorm",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "scaling.py",
            "--sweeps d_steps --largest 2 --repetitions 2 --seconds 0.01",
            "| d_steps    |     2 |",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "vs_pytorch.py",
            "--networks mlp --precision float32 bfloat16 --batch-size 4 --rounds 2 --seconds 0.01",
            "|  bfloat16 |     4 |",
            marks=pytest.mark.long,
        ),
        pytest.param("explain.py", "--critics mlp_28 --rounds 1", " lime |", marks=pytest.mark.long),
        pytest.param(
            "fault_cost.py",
            "--only digits_mlp --steps 5 --repetitions 2",
            "| digits_mlp",
            marks=pytest.mark.long,
        ),
        pytest.param("look_cost.py", "--rounds 2 --steps 5", "| dcgan_28", marks=pytest.mark.long),
        pytest.param("startup.py", "--repetitions 1", "| digits_dcgan |  warm |", marks=pytest.mark.long),
    ],
)
def test_the_other_programs_print_their_tables(request, run_program, tmp_path, program, options, row):
    program = request.config.rootpath / "benchmarks" / program
    assert row in run_program(program, *options.split(), cwd=tmp_path).stdout


@pytest.mark.slow
def test_all_tables_come_by_one_command(benchmarks, monkeypatch, tmp_path, capsys):
    run_all = benchmarks("run_all")
    assert all(Path(run_all.__file__).with_name(f"{name}.py").exists() for name in run_all.PROGRAMS)
    monkeypatch.setattr(run_all, "PROGRAMS", {"startup": ["--help"], "kernels": ["--nothing"]})
    with pytest.raises(SystemExit, match="1"):
        run_all.main(["--out", str(tmp_path / "tables.md")])
    assert "1 of 2 programs ended well" in capsys.readouterr().out
    text = (tmp_path / "tables.md").read_text()
    assert "`python benchmarks/startup.py --help`\n\nusage: " in text
    assert "unrecognized arguments: --nothing" in text


@pytest.mark.slow
@pytest.mark.long
def test_files_larger_than_memory_are_read_by_all_readers_that_are_there(request, run_program, tmp_path):
    options = "--written 0.02 --gigabytes 0.6 --seconds 0.1 --repetitions 1"
    program = request.config.rootpath / "benchmarks/large_input.py"
    result = run_program(program, "--folder", tmp_path, *options.split(), cwd=tmp_path)
    rows = [line.split("|")[1:-1] for line in result.stdout.splitlines()[2:]]
    assert [row[0].strip() for row in rows[:2]] == ["jaxgan, .npy, 0.02 GB"] * 2
    assert "jaxgan, .npy, 0.6 GB, sparse" in [row[0].strip() for row in rows]
    assert all(float(row[2].replace(",", "")) > 0 for row in rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.long
def test_an_evaluation_is_shared_and_timed(request, run_program, tmp_path):
    program = request.config.rootpath / "benchmarks/shared_evaluation.py"
    result = run_program(program, *["--fakes", "30", "--times", "1", "--repetitions", "1"], cwd=tmp_path)
    rows = [line.split("|")[1:-1] for line in result.stdout.splitlines()[2:]]
    assert [int(row[0]) for row in rows] == [1, 2]
    assert float(rows[0][3]) == 1
