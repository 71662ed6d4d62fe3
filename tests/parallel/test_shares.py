"""Optimizers' statistics and averages that are cut over two devices: the same numbers in less memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from jax.sharding import PartitionSpec

from cut_states import first_state
from jaxgan import parallel
from jaxgan.parallel.shares import placements


@pytest.mark.slow
def test_cut_states_have_the_numbers_of_whole_ones_in_less_memory():
    program = Path(__file__).parents[1] / "support/cut_states.py"
    threads = {**os.environ, "NPROC": "64"}
    result = subprocess.run(
        [sys.executable, program], env=threads, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["difference"] < 1e-6
    cut = {name: shape for name, shape in facts["cut"].items() if name.startswith("ema/")}
    assert cut == {
        "ema/params/Dense_0/bias": [8],
        "ema/params/Dense_0/kernel": [7, 8],  # the layer next to the image
        "ema/params/Dense_1/kernel": [3, 7],
    }
    assert not any("er/params" in name for name in facts["cut"])
    assert facts["saved"] == facts["bytes"] / 2 > 0
    assert facts["devices of a copy"] == 1


def test_leaves_are_cut_along_their_longest_axis_that_divides():
    mesh = parallel.batch_mesh()
    state = parallel.shard_states(first_state(), mesh, smallest=8)
    moments = state.generator.opt_state[1][0]
    for tree in (moments.mu, moments.nu, state.ema["params"]):
        assert {leaf.shape: leaf.sharding.spec for leaf in jax.tree.leaves(tree)} == {
            (6, 7): PartitionSpec("batch"),
            (7,): PartitionSpec(),
            (7, 16): PartitionSpec(None, "batch"),
            (16,): PartitionSpec("batch"),
        }
    for player in (state.generator, state.discriminator):
        assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(player.params))
    assert placements(state, mesh).ema["params"]["Dense_0"]["kernel"].spec == PartitionSpec(None, "batch")


def test_small_leaves_stay_whole():
    mesh = parallel.batch_mesh()
    cut = parallel.shard_states(jax.eval_shape(first_state), mesh)
    assert placements(cut, mesh) == parallel.whole(mesh)
