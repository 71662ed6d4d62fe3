"""A run on several devices is the run on one, to rounding (SGD), whatever way they share the batches."""

import json

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxgan import train
from jaxgan.config import Config
from jaxgan.run import placement
from jaxgan.system.errors import UserError
from pictures import forty_pictures
from smooth import DenseDiscriminator, DenseGenerator
from tiny_runs import run_to_end

PICTURES = forty_pictures(4, 4, 1)


def run(workdir, **options):
    small = {"steps": 6, "batch_size": 8, "latent_dim": 5, "optimizer": "sgd", "momentum": 0.5, "d_steps": 2}
    small |= {"generator_learning_rate": 0.02, "discriminator_learning_rate": 0.02, "penalty": "r1"}
    intervals = {"log_every": 1, "sample_every": 100, "save_every": 100}
    own = {"generator": DenseGenerator((4, 4, 1), 8), "discriminator": DenseDiscriminator(8)}
    return train.run(
        Config(workdir=str(workdir), **{**small, **intervals, **options}), dataset=PICTURES, **own
    )


def assert_same_numbers(one, other):
    for a, b in zip(jax.tree.leaves(one.state), jax.tree.leaves(other.state), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * (np.abs(b).max() + 0.05))
    rows = [
        [json.loads(line) for line in (run.workdir / "metrics.jsonl").read_text().splitlines()]
        for run in (one, other)
    ]
    for a, b in zip(*rows, strict=True):
        np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="auto"),
        pytest.param({"parallel": "pmap"}, id="pmap", marks=pytest.mark.long),
        pytest.param({"device_data": 0.0}, id="streamed", marks=pytest.mark.long),
        pytest.param({"parallel": "pmap", "device_data": 0.0}, id="pmap, streamed"),
        pytest.param(
            {"parallel": "pmap", "loss": "relativistic_average"}, id="means", marks=pytest.mark.long
        ),
        pytest.param({"accumulate": 2}, id="accumulated"),
    ],
)
def test_a_run_on_two_devices_gives_the_numbers_of_one(tmp_path, capsys, options):
    one = run(tmp_path / "one", devices=1, **{k: v for k, v in options.items() if k == "loss"})
    assert "6 steps on cpu" in capsys.readouterr().out
    two = run(tmp_path / "two", **options)
    said = capsys.readouterr().out
    assert "6 steps on 2 x cpu" in said
    assert ("see 4 images at a time" in said) == ("accumulate" in options)
    assert len(two.state.step.devices()) == 2
    assert_same_numbers(two, one)


def test_devices_that_there_are_not_and_batches_that_do_not_divide_are_refused(tmp_path):
    with pytest.raises(UserError, match="`devices` 3: this machine has 2"):
        run(tmp_path / "run", devices=3)
    with pytest.raises(UserError, match="`devices` must be all or at least 1, got -1"):
        run(tmp_path / "run", devices=-1)
    with pytest.raises(UserError, match="`batch_size` 7 does not divide over 2 devices: 6 and 8 do"):
        run(tmp_path / "run", batch_size=7)
    with pytest.raises(
        UserError, match="`batch_size` 8 does not divide over 2 devices in 8 parts each: 16 does"
    ):
        run(tmp_path / "run", accumulate=8)
    with pytest.raises(UserError, match="batch of 7 does not divide into 2 parts to accumulate"):
        run(tmp_path / "run", batch_size=7, devices=1, accumulate=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_devices(tmp_path):
    """With processes of 8, 1 and 2 devices: tests/faults/test_faults_kill.py."""
    whole = run(tmp_path / "whole", devices=1)
    for count, steps in ((2, 2), (1, 4), (2, 6)):
        pieces = run(tmp_path / "pieces", devices=count, steps=steps)
    assert_same_numbers(pieces, whole)


@pytest.mark.long
def test_a_run_may_cut_its_states_at_any_time(tmp_path):
    """Checkpoints, grids, looks and exports are those of whole states."""
    devices = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "NPROC": "64"}

    def trained(name, steps, *options):
        often = ("--sample-every", 2, "--diagnose-every", 2, "--save-every", 2, "--log-every", 1)
        run_to_end(
            tmp_path,
            "--workdir",
            name,
            "--steps",
            steps,
            *often,
            *options,
            environment=devices.items(),
            seconds=900,
        )
        return tmp_path / name

    whole = trained("whole", 6)
    trained("pieces", 2, "--shard-states")
    trained("pieces", 4, "--devices", 1)
    pieces = trained("pieces", 6, "--shard-states")
    for name in ("metrics.jsonl", "diagnostics.jsonl"):
        rows = [
            [json.loads(line) for line in (each / name).read_text().splitlines()] for each in (whole, pieces)
        ]
        for a, b in zip(*rows, strict=True):
            assert a.keys() == b.keys()
            numbers = [key for key in a if isinstance(a[key], float) and key != "seconds"]
            np.testing.assert_allclose([a[k] for k in numbers], [b[k] for k in numbers], rtol=1e-3, atol=1e-3)
    exports = [load_file(each / "export/generator.safetensors") for each in (whole, pieces)]
    for name, values in exports[0].items():
        np.testing.assert_allclose(exports[1][name], values, rtol=0, atol=1e-3)


def test_states_are_not_cut_where_that_cannot_be(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="`shard_states` has no effect on one device"):
        run(tmp_path / "run", devices=1, shard_states=True)
    monkeypatch.setenv("NPROC", "2")
    with pytest.raises(UserError, match=r"`shard_states` needs more threads .* NPROC to 128"):
        run(tmp_path / "run", shard_states=True)
    with pytest.raises(
        UserError, match="`shard_states` True has no effect with `parallel` pmap: it needs auto"
    ):
        run(tmp_path / "run", shard_states=True, parallel="pmap")
    with pytest.raises(UserError, match="`shard_states` takes the devices of one process"):
        Config(shard_states=True, distributed=True).check()
    assert not (tmp_path / "run").exists()


def test_one_device_is_no_mesh():
    assert placement.describe(None) == "cpu"
