"""Explanations beside shap's and lime's of the same critic, at the same number of evaluations, in turns.

python benchmarks/explain.py --oracle-python PATH/TO/A/VENV/bin/python

The other Python has shap, lime, scikit-image and what jaxgan needs. Each side is a process of its own with
the same threads, and all call the same compiled critic. In each round each side explains one image while the
others wait; the first explanation, which compiles, is not counted. Without `--oracle-python` jaxgan stands
alone. A third process evaluates the critic as often and does nothing else: no explanation can take less.

Processor time is counted, of all threads, so that other programs on the machine matter little.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.run.workdir import environment
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.files import write_json
from step_time import commit
from tables import Table
from vs_pytorch import Worker, has_modules

HERE = Path(__file__).parent
CRITICS = ("mlp_28", "dcgan_32")
PEERS = {"shapley": "shap", "lime": "lime"}
HEADING = (
    "critic",
    "method",
    "evaluations",
    "critic alone ms",
    "jaxgan ms",
    "peer",
    "peer ms",
    "ratio of the rounds",
    "difference",
)


def compare(critic: str, method: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Explain one image on all sides in turns, and return every round's processor seconds."""
    threads = str(arguments.threads)
    settings = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    settings |= {"PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
    commands = {"alone": sys.executable, "jaxgan": sys.executable}
    if arguments.oracle_python:
        commands[PEERS[method]] = arguments.oracle_python
    script = str(HERE / "worker_explain.py")
    workers = {
        side: Worker([python, script, side, critic, method], settings) for side, python in commands.items()
    }
    try:
        workers = {side: worker for side, worker in workers.items() if worker.wait()}
        for round_ in range(arguments.rounds):
            for worker in [*workers.values()][:: 1 if round_ % 2 == 0 else -1]:
                worker.train(0)
    finally:
        for worker in workers.values():
            worker.stop()
    return {
        "critic": critic,
        "method": method,
        "seconds": {side: worker.times for side, worker in workers.items()},
        **{side: worker.first for side, worker in workers.items()},
    }


def row(result: dict[str, Any]) -> list[str]:
    """Return one row of the table: medians, and the median of the rounds' ratios."""
    seconds, peer = result["seconds"], PEERS[result["method"]]
    ours = result["jaxgan"]
    cells = [result["critic"], result["method"], f"{ours['evaluations']:,}"]
    cells += [f"{1000 * statistics.median(seconds[side]):.1f}" for side in ("alone", "jaxgan")]
    if peer not in seconds:
        return [*cells, "", "", "", ""]
    ratios = sorted(theirs / mine for theirs, mine in zip(seconds[peer], seconds["jaxgan"], strict=True))
    difference = np.abs(np.subtract(ours["values"], result[peer]["values"])).max()
    return [
        *cells,
        f"{peer} {result[peer]['version']}",
        f"{1000 * statistics.median(seconds[peer]):.1f}",
        f"{statistics.median(ratios):.1f}x ({ratios[0]:.1f} .. {ratios[-1]:.1f})",
        f"{difference:.0e}" if result["method"] == "shapley" else "(other masks)",
    ]


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--critics", nargs="+", default=[*CRITICS], metavar="NAME", help="(%(default)s)")
    add("--methods", nargs="+", default=[*PEERS], metavar="NAME", help="(%(default)s)")
    add("--oracle-python", metavar="PATH", help="a Python that has shap and lime (they are left out)")
    add("--threads", type=int, default=os.cpu_count(), metavar="N", help="threads of a side (%(default)s)")
    add("--rounds", type=int, default=5, metavar="N", help="rounds (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write every round")
    arguments = parser.parse_args(args)
    arguments.critics = [choose("critics", name, CRITICS) for name in arguments.critics]
    arguments.methods = [choose("methods", name, PEERS) for name in arguments.methods]
    if arguments.rounds < 1:
        raise UserError("--rounds must be at least 1")
    if arguments.oracle_python and not has_modules(arguments.oracle_python, "shap", "lime"):
        raise UserError(f"--oracle-python {arguments.oracle_python} is no Python that has shap and lime")
    return arguments


def main(args: Sequence[str] | None = None) -> None:
    """Run the comparison; a mistake of the user's is one sentence and exit code 2."""
    with exits():
        arguments = parse(args)
        if not arguments.oracle_python:
            print("note: without --oracle-python shap and lime are not measured", file=sys.stderr)
        results, table = [], Table(HEADING, names=CRITICS)
        for critic in arguments.critics:
            for method in arguments.methods:
                results.append(compare(critic, method, arguments))
                table.add(row(results[-1]))
        if arguments.json:
            write_json(arguments.json, {"commit": commit(), "environment": environment(), "results": results})


if __name__ == "__main__":
    main()
