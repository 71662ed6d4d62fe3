"""Exact resume, by real processes: cut a run anywhere, and every bit is the same."""

import json

import pytest

NETWORKS = {
    "mlp": ["digits_mlp.py", "--d-steps", "2"],
    "dcgan": ["digits_dcgan.py", "--width", "8", "--conditional"],
    "spectral": ["digits_dcgan.py", "--width", "8", "--discriminator-norm", "spectral", "--penalty", "r1"],
}
CASES = [
    pytest.param("mlp", [7], id="mlp"),
    pytest.param("dcgan", [13], id="dcgan"),
    pytest.param("spectral", [1, 8], id="spectral", marks=pytest.mark.slow),
    pytest.param("mlp", [1, 2, 19], id="mlp-often", marks=pytest.mark.slow),
]

COMPARE = """
import sys, pathlib, jax, numpy as np
from jaxgan.state import named_leaves
import orbax.checkpoint as ocp
a, b = (ocp.StandardCheckpointer().restore(pathlib.Path(p, "checkpoints/20/state").resolve()) for p in sys.argv[1:])
assert a.keys() == b.keys()
kinds = {name.split("/")[0] + "/" + name.split("/")[1] for name in a if "/" in name}
differing = [name for name in a if np.asarray(a[name]).tobytes() != np.asarray(b[name]).tobytes()]
print(len(a), sorted(kinds), differing)
sys.exit(bool(differing))
"""


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
    said = run_program("-c", COMPARE, "whole", "pieces", cwd=tmp_path).stdout
    for kind in ("generator/params", "generator/opt_state", "discriminator/opt_state", "ema/params"):
        assert kind in said
    if network != "mlp":
        assert "generator/collections" in said
    whole, pieces = ((tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "pieces"))
    assert [json.loads(line)["step"] for line in whole.splitlines()] == list(range(1, 21))
    assert whole == pieces
    exported = [
        (tmp_path / name / "export/generator.safetensors").read_bytes() for name in ("whole", "pieces")
    ]
    assert exported[0] == exported[1]
