"""Steps compiled for accelerators that are not there: what is read of a program, bounds, scaling, mistakes."""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxgan.system.errors import UserError

PROGRAM = """HloModule step, is_scheduled=true

%sum (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %add = f32[] add(%a, %b)
}

%turned (p: f32[8,4]) -> f32[4,8] {
  %p = f32[8,4]{1,0:T(8,128)} parameter(0)
  ROOT %transpose.1 = f32[4,8]{1,0:T(8,128)} transpose(%p), dimensions={1,0}
}

%multiplied (p: bf16[8,4]) -> bf16[8,4] {
  %p.1 = bf16[8,4]{1,0} parameter(0)
  ROOT %multiply = bf16[8,4]{1,0} multiply(%p.1, %p.1)
}

%gathered (p: f32[2]) -> f32[8] {
  %p.2 = f32[2]{0} parameter(0)
  ROOT %all-gather.7 = f32[8]{0} all-gather(%p.2), channel_id=1, frontend_attributes={chain_id="0"}
}

%gathered.2 (p: f32[2]) -> f32[8] {
  %p.3 = f32[2]{0} parameter(0)
  ROOT %all-gather.8 = f32[8]{0} all-gather(%p.3), channel_id=1, frontend_attributes={chain_id="0"}
}

ENTRY %main (x: f32[8,4], y: bf16[8,4]) -> (f32[4,8]) {
  %x = f32[8,4]{1,0:T(8,128)} parameter(0)
  %y = bf16[8,4]{1,0} parameter(1)
  %near = (f32[8,4]{1,0:T(8,128)S(1)}, f32[8,4]{1,0:T(8,128)}, u32[]{:S(2)}) copy-start(%x)
  %near.1 = f32[8,4]{1,0:T(8,128)S(1)} copy-done(%near)
  %turn = f32[4,8]{1,0:T(8,128)} fusion(%near.1), kind=kLoop, calls=%turned
  %product = bf16[8,4]{1,0} fusion(%y), kind=kLoop, calls=%multiplied
  %call = bf16[8,4]{1,0} custom-call(%product), custom_call_target="library"
  %count = s32[]{:T(128)} add(%n, %n)
  %both = (f32[4,8]{1,0:T(8,128)}, /*index=1*/bf16[8,4]{1,0}) all-reduce(%turn, %call), to_apply=%sum
  %first = f32[4,8]{1,0:T(8,128)} get-tuple-element(%both), index=0
  %part = f32[2]{0} reduce-scatter(%first), dimensions={0}, to_apply=%sum
  %begun = (f32[2]{0}, f32[8]{0}) all-gather-start(%part), dimensions={0}
  %done = f32[8]{0} all-gather-done(%begun)
  %piece = f32[8]{0} fusion(%part), kind=kCustom, calls=%gathered
  %rest = f32[8]{0} fusion(%part), kind=kCustom, calls=%gathered.2
  ROOT %result = (f32[4,8]{1,0:T(8,128)}) tuple(%first)
}
"""


LOOP = """
%body (s: (s32[], f32[8])) -> (s32[], f32[8]) {
  %a = f32[8]{0} get-tuple-element(%s), index=1
  %b = f32[8]{0} fusion(%a), kind=kLoop, calls=%inner
  ROOT %t = (s32[], f32[8]{0}) tuple(%i, %b)
}

%condition (s: (s32[], f32[8])) -> pred[] {
  ROOT %l = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (x: f32[8]) -> f32[8] {
  %x = f32[8]{0} parameter(0)
  %turned = f32[8]{0} copy(%x)
  %start = (s32[], f32[8]{0}) tuple(%zero, %turned)
  %end = (s32[], f32[8]{0}) while(%start), condition=%condition, body=%body
  ROOT %result = f32[8]{0} get-tuple-element(%end), index=1
}
"""


@pytest.fixture
def benchmarks(request, monkeypatch):
    """Import a module of the benchmarks as their scripts do."""
    monkeypatch.syspath_prepend(request.config.rootpath / "benchmarks")
    return importlib.import_module


def test_a_programs_kernels_and_collectives_are_read(benchmarks):
    program = benchmarks("compiled").read(PROGRAM)
    assert program.kernels == 5  # turn, product, call, and two pieces of a gather; a single number is none
    assert program.custom_calls == 1
    assert (program.copies, program.copied_bytes) == (1, 128)
    assert program.collectives == {"all-gather": 2, "all-reduce": 1, "reduce-scatter": 1}
    assert program.collective_bytes == {"all-gather": 64, "all-reduce": 192, "reduce-scatter": 8}
    x, y, part, whole = 128, 64, 8, 32
    kernels = x + x + 2 * y + 2 * y + 2 * (part + whole) + 4  # the prefetch is the first, the number the last
    collectives = 2 * (x + y) + (x + part) + part
    assert program.traffic_bytes == kernels + collectives


def test_one_round_of_a_loop_is_read(benchmarks):
    whole, loop = (benchmarks("compiled").read(LOOP, loop=alone) for alone in (False, True))
    assert (whole.kernels, whole.copies, whole.traffic_bytes) == (2, 1, 4 * 32 + 1)  # and the condition
    assert (loop.kernels, loop.copies, loop.traffic_bytes) == (1, 0, 2 * 32)


def test_each_chip_sends_what_a_ring_makes_it_send(benchmarks):
    program = benchmarks("compiled").Program
    sent = {
        kind: program(0, 0, 0, 0, 0, {kind: 1}, {kind: 800}).sent_bytes(4)
        for kind in benchmarks("compiled").COLLECTIVES
    }
    assert sent == {
        "all-reduce": 2 * 600,
        "all-gather": 600,
        "reduce-scatter": 2400,  # its result is a quarter
        "all-to-all": 600,
        "collective-permute": 800,
    }


def test_scaling_follows_from_two_batches(benchmarks):
    targets, compiled = benchmarks("targets"), benchmarks("compiled")
    chip = targets.Chip({"float32": 1e12}, bandwidth=1e9, memory=1e9, link=1e9)

    def cost(batch_size):  # 1 GFLOP an image; 10 kB an image and 1 MB for the optimizers
        images = batch_size / 8
        program = compiled.Program(
            1, 0, 0, 0, int(1e6 + 1e4 * images), {"all-reduce": 1}, {"all-reduce": 4_000_000}
        )
        return targets.Cost(8, batch_size, 0, 1.0, 1e9 * images, 0, program)

    rows = targets.predict(chip, "float32", cost(64), cost(32))
    weak = [row for row in rows if row["scaling"] == "weak"]
    strong = [row for row in rows if row["scaling"] == "strong"]
    assert [row["chips"] for row in weak] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert [row["images"] for row in strong] == [64, 32, 16, 8, 4, 2, 1]  # no chip without an image
    assert {row["compute"] for row in weak} == {8.0}
    assert weak[0]["communication"] == 0.0
    assert weak[1]["communication"] == pytest.approx(4.0)  # each of two chips sends the whole once
    assert weak[8]["communication"] == pytest.approx(8.0, rel=0.01)
    assert weak[8]["efficiency"] == pytest.approx(0.5, rel=0.01)
    assert strong[6]["compute"] == pytest.approx(1.0)
    assert strong[6]["memory"] == pytest.approx(1.01)
    assert strong[6]["share"] == pytest.approx(1 - 1.01 / (1.01 + 8 * 63 / 64))


def test_a_step_is_built_from_shapes_alone(benchmarks):
    targets = benchmarks("targets")
    config = targets.NETWORKS["mlp"].replace(
        batch_size=2**22, image_size=8
    )  # 268 MB of images, if there were
    experiment = targets.experiment_of(config, classes=10)
    assert experiment.arrays["image"].shape == (2**22, 8, 8, 1)
    assert experiment.arrays["image"].strides == (0, 0, 0, 0)


def test_a_program_that_takes_too_long_is_a_reason(benchmarks):
    in_time = benchmarks("own_process").in_time
    assert in_time(0.01, time.sleep, 60) == {"reason": "not within 0.000166667 minutes", "seconds": 0.01}
    assert in_time(600, os._exit, 9) == {"reason": "its process ended with code 9"}


def test_a_killed_program_leaves_no_compiler_behind(benchmarks, tmp_path):
    folder = Path(benchmarks("own_process").__file__).parent
    (tmp_path / "sleeper.py").write_text(
        "import os, pathlib, time\n"
        "def work(file):\n"
        "    pathlib.Path(file).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    file = tmp_path / "number"
    ask = f"import own_process, sleeper\nown_process.in_time(600, sleeper.work, {str(file)!r})"
    kept = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{tmp_path}"}
    with subprocess.Popen([sys.executable, "-c", ask], env=kept) as program:
        wait_for(lambda: file.is_file() and file.read_text())
        program.kill()
    number = int(file.read_text())
    wait_for(lambda: not Path(f"/proc/{number}").exists() or "Z" in state_of(number))


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def state_of(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_programs_that_a_file_has_are_not_compiled_again(benchmarks, monkeypatch, tmp_path):
    targets, asked = benchmarks("targets"), []
    config = targets.NETWORKS["mlp"]

    def slow(seconds, *arguments):
        asked.append(seconds)
        return {"reason": f"not within {seconds / 60:g} minutes", "seconds": seconds}

    monkeypatch.setattr(targets, "in_time", slow)
    for minutes in (1, 1, 0.5, 2):  # only a longer time is worth another attempt
        compiler = targets.Compiler(minutes=minutes, options={}, file=tmp_path / "kept.json")
        reason = compiler.cost("mlp", config, "v5e-1", "jit")
    assert (asked, reason) == ([60, 120], "not within 2 minutes")
    compiler.cost("mlp", config.replace(width=8), "v5e-1", "jit")
    assert len(asked) == 3
    assert len(compiler.records) == 1
    (tmp_path / "kept.json").write_text("{}")
    with pytest.raises(UserError, match=r"kept\.json has no figures of programs: give another file"):
        targets.Compiler(minutes=1, options={}, file=tmp_path / "kept.json")


def installed(monkeypatch, **versions):
    def version(name):
        if name.replace("-", "_") not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name.replace("-", "_")]

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ['libtpu==0.0.42.*; extra == "tpu"'])
    monkeypatch.setattr("jax.__version__", "0.10.2")


@pytest.mark.parametrize(
    ("name", "versions", "message"),
    [
        ("v5e-7", {}, "`targets` v5e-7 is unknown: did you mean v5e-8"),
        ("v9:2x2", {}, "no data sheet of v9 is known here, only of v5e, v5p, v6e, h200"),
        ("v5e-8", {}, r'needs libtpu, which .* lacks: pip install "jax\[tpu\]==0.10.2"'),
        ("v5e-8", {"libtpu": "0.0.4"}, "libtpu 0.0.4 was made for another version of jax than 0.10.2"),
        (
            "h200-8",
            {},
            "needs jax-cuda13-plugin, which .* lacks: pip install --no-deps jax-cuda13-plugin==0.10.2",
        ),
        ("h200-1", {"jax_cuda13_plugin": "0.12.0"}, "jax-cuda13-plugin 0.12.0 was made for another version"),
    ],
)
def test_targets_that_nothing_compiles_for_are_refused(benchmarks, monkeypatch, name, versions, message):
    targets = benchmarks("targets")
    installed(monkeypatch, **versions)
    with pytest.raises(UserError, match=message):
        targets.devices_of(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--networks mpl", "--networks mpl is unknown: did you mean mlp"),
        ("--games infogam", "--games infogam is unknown: did you mean infogan"),
        ("--ways jid", "--ways jid is unknown: did you mean jit"),
        ("--figure f.png", "--figure draws the scaling: it needs --scaling"),
        ("--minutes 0", "--minutes must be positive, got 0"),
        ("--xla a", "--xla takes NAME=VALUE, got a"),
        ("--json none/a.json", "--json must be a file in a folder that exists"),
        ("--python /none/python", "--python /none/python cannot be started"),
    ],
)
def test_mistakes_on_the_command_line_are_one_sentence(benchmarks, capsys, options, message):
    with pytest.raises(SystemExit) as error:
        benchmarks("targets").main(options.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("game", "examples"),
    [
        ("cycle", {"image": (64, 32, 32, 3), "source": (64, 32, 32, 3)}),
        ("table", {"image": (100, 16), "condition": (100, 3)}),  # wine: 13 numbers and 3 cultivars
    ],
)
def test_games_of_two_sets_and_of_tables_have_a_step_and_its_batch(benchmarks, game, examples):
    targets = benchmarks("targets")
    (config,) = targets.configs(targets.parse(["--networks", "--games", game])).values()
    batch = targets._batch(config, targets.experiment_of(config, 10))
    assert {name: array.shape for name, array in batch.items()} == examples


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed")
def test_two_small_steps_are_compiled_for_tpus(request, run_program, tmp_path):
    program = request.config.rootpath / "benchmarks/targets.py"
    options = "--networks mlp --targets v5e-1 v5e-8 --precisions float32 --json out.json"
    run_program(program, *options.split(), cwd=tmp_path)
    kept = (tmp_path / "out.json").read_text()
    run_program(program, *options.split(), "--minutes", 0.0001, cwd=tmp_path)  # compiles nothing again
    assert (tmp_path / "out.json").read_text() == kept
    one, eight = (record["cost"] for record in json.loads(kept)["programs"])
    assert (one["chips"], eight["chips"]) == (1, 8)
    assert eight["flops"] < 1.05 * one["flops"]  # of a chip: the batch is eight times as large
    assert one["program"]["collectives"] == {}
    assert eight["program"]["collectives"] == {"all-reduce": 2}  # one for each player's update
    options = "--networks dcgan_28 --targets v5e-8 --ways jit loop --json low.json"
    run_program(program, *options.split(), cwd=tmp_path)
    programs = [
        record["cost"]["program"] for record in json.loads((tmp_path / "low.json").read_text())["programs"]
    ]
    sent = [program["collective_bytes"]["all-reduce"] for program in programs]
    assert sent[1] < 1.05 * sent[0]  # in bfloat16, once
    refused = run_program(program, "--targets", "v5e:3x5", cwd=tmp_path, expect=2)
    assert "--targets v5e:3x5 is no topology" in refused.stderr
