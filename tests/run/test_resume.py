"""Exact resume: cut a run anywhere, and every bit is the same. The slow ones are real processes."""

import json

import numpy as np
import orbax.checkpoint as ocp
import pytest

from tiny_runs import tiny, train_tiny

NETWORKS = {
    "mlp": ["digits_mlp.py", "--d-steps", "2"],
    "dcgan": ["digits_dcgan.py", "--width", "8", "--conditional"],
    "resnet": ["digits_dcgan.py", "--network", "resnet", "--width", "4", "--conditional"],
    "biggan": ["digits_dcgan.py", "--network", "biggan", "--width", "4", "--conditional"],
    "fastgan": ["digits_dcgan.py", "--network", "fastgan", "--width", "2", "--terms", "decoders"],
    "r3gan": ["digits_dcgan.py", "--network", "r3gan", "--width", "8", "--penalty", "r1_r2"],
    "spectral": ["digits_dcgan.py", "--width", "8", "--discriminator-norm", "spectral", "--penalty", "r1"],
    "stylegan2": ["digits_dcgan.py", "--network", "stylegan2", "--width", "2", "--latent-dim", "4"],
}
CASES = [
    pytest.param("mlp", [7], id="mlp", marks=pytest.mark.long),
    pytest.param("dcgan", [13], id="dcgan", marks=pytest.mark.slow),
    pytest.param("resnet", [9], id="resnet", marks=pytest.mark.long),
    pytest.param("biggan", [9], id="biggan", marks=pytest.mark.long),
    pytest.param("fastgan", [9], id="fastgan", marks=pytest.mark.long),
    pytest.param("r3gan", [9], id="r3gan", marks=pytest.mark.long),
    pytest.param("spectral", [8], id="spectral", marks=pytest.mark.long),
    pytest.param("stylegan2", [9], id="stylegan2", marks=pytest.mark.long),
    pytest.param("mlp", [1, 2, 19], id="mlp-often", marks=pytest.mark.long),
]


def saved_leaves(run):
    """Every leaf of the last checkpoint by name, read by Orbax alone."""
    leaves = ocp.StandardCheckpointer().restore(run.resolve() / "checkpoints/20/state")
    return {name: np.asarray(leaf) for name, leaf in leaves.items()}


def test_a_run_in_two_calls_is_bit_equal_to_one_in_one_call(tmp_path):
    """Other intervals in each call, and a cut between two saves."""
    options = {"d_steps": 2, "steps": 20, "sample_every": 100}
    train_tiny(tiny(tmp_path / "whole", **options))
    for steps, save_every in ((7, 3), (20, 5)):
        train_tiny(tiny(tmp_path / "pieces", **options | {"steps": steps, "save_every": save_every}))
    assert_bit_equal(tmp_path, "mlp")


@pytest.mark.slow
def test_what_terms_remember_and_an_adaptive_probability_are_resumed_bit_for_bit(tmp_path):
    options = {"terms": ("lecam", "zcr"), "lecam_start": 2, "mirror": True, "fresh_reals": True}
    options |= {"augment": ("bgc",), "augment_target": -0.9, "augment_speed": 0.2, "steps": 20}
    options |= {"ema_half_life": 50.0, "sample_every": 100}
    train_tiny(tiny(tmp_path / "whole", **options))
    for steps, save_every in ((7, 3), (20, 5)):
        train_tiny(tiny(tmp_path / "pieces", **options | {"steps": steps, "save_every": save_every}))
    assert_bit_equal(tmp_path, "mlp")
    remembered = {name for name in saved_leaves(tmp_path / "whole") if name.startswith("terms")}
    assert remembered == {"terms/augment/p", "terms/augment/sum", "terms/lecam/real", "terms/lecam/fake"}
    rows = [json.loads(line) for line in (tmp_path / "whole/metrics.jsonl").read_text().splitlines()]
    assert len({row["augment_p"] for row in rows}) > 2


@pytest.mark.parametrize(("network", "cuts"), CASES)
def test_a_run_in_pieces_is_bit_equal_to_one_in_one_go(network, cuts, tmp_path, run_program, request):
    experiments = request.config.rootpath / "experiments"
    script, *options = NETWORKS[network]
    command = [experiments / script, *options, "--batch-size", "16"]
    run_program(
        *command, "--workdir", "whole", "--steps", 20, "--log-every", 1, "--sample-every", 100, cwd=tmp_path
    )
    for i, steps in enumerate([*cuts, 20]):  # other intervals in every piece
        intervals = ["--log-every", 1, "--save-every", 3 + i, "--sample-every", 4 + i]
        run_program(*command, "--workdir", "pieces", "--steps", steps, *intervals, cwd=tmp_path)
    assert_bit_equal(tmp_path, network)


def assert_bit_equal(tmp_path, network):
    """Compare the last checkpoints, the metrics and the exported generators of "whole" and "pieces"."""
    one, other = saved_leaves(tmp_path / "whole"), saved_leaves(tmp_path / "pieces")
    kinds = {"/".join(name.split("/")[:2]) for name in one}
    assert kinds >= {"generator/params", "generator/opt_state", "discriminator/opt_state", "ema/params"}
    assert ("generator/collections" in kinds) == (network not in ("mlp", "r3gan"))
    assert one.keys() == other.keys()
    for name, leaf in one.items():
        assert leaf.tobytes() == other[name].tobytes(), name
    whole, pieces = ((tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "pieces"))
    assert [json.loads(line)["step"] for line in whole.splitlines()] == list(range(1, 21))
    assert whole == pieces
    exported = [
        (tmp_path / name / "export/generator.safetensors").read_bytes() for name in ("whole", "pieces")
    ]
    assert exported[0] == exported[1]
