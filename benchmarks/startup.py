"""What passes from the start of the process to the first trained step, phase by phase.

python benchmarks/startup.py

Each repetition is a fresh process; "cold" ones begin with an empty compilation cache, "warm" ones find their
programs in it. benchmarks/README.md has figures.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from timing import quartiles

PHASES = ("import", "data", "init", "trace", "compile", "first step", "in all")
NETWORKS = ("digits_mlp", "digits_dcgan")


def child(experiment: str) -> None:
    """Start an experiment as `jaxgan.train` does, and print the seconds that each phase took."""
    marks = [time.time()]
    began = float(os.environ["STARTUP_BEGAN"])

    from functools import partial  # here: importing is what is measured

    import jax

    from jaxgan import build, data, parallel
    from jaxgan.system import compilation

    sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))
    config = __import__(experiment).CONFIG
    compilation.keep_programs()
    marks.append(time.time())
    dataset = build.dataset(config)
    marks.append(time.time())
    game = build.experiment(config, dataset)
    state, key = jax.block_until_ready(game.init(jax.random.key(0))), jax.random.key(1)
    marks.append(time.time())
    arrays = jax.device_put(game.arrays)
    batch_at = partial(data.batch_at, seed=0, batch_size=config.batch_size * config.d_steps)
    lowered = parallel.scan(game.step, batch_at).lower(state, arrays, key, 1)
    marks.append(time.time())
    compiled = lowered.compile()
    marks.append(time.time())
    jax.block_until_ready(compiled(state, arrays, key, 1))
    marks.append(time.time())
    marks[0] = began
    seconds = [after - before for before, after in itertools.pairwise(marks)]
    print(json.dumps(dict(zip(PHASES, [*seconds, marks[-1] - began], strict=True))))


def measure(experiment: str, cache: str) -> dict[str, float]:
    """Run one fresh process; return the seconds of its phases."""
    environment = os.environ | {"STARTUP_BEGAN": str(time.time()), "JAXGAN_CACHE": cache}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, __file__, "--child", experiment]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def main(args: Sequence[str] | None = None) -> None:
    """Measure every experiment, cold and warm, and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=5, help="processes of each kind (%(default)s)")
    parser.add_argument("--json", type=Path, help="write every repetition")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args(args)
    if arguments.child:
        child(arguments.child)
        return
    record: dict[str, list[dict[str, float]]] = {}
    print(f"| experiment | cache | {' | '.join(PHASES)} |\n|{'---|' * (len(PHASES) + 2)}")
    for experiment in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            caches = {"cold": [f"{folder}/{i}" for i in range(arguments.repetitions)]}
            caches["warm"] = [caches["cold"][0]] * arguments.repetitions
            for kind, folders in caches.items():
                runs = record[f"{experiment}, {kind}"] = [measure(experiment, cache) for cache in folders]
                medians = [f"{quartiles([run[phase] for run in runs])[1]:.2f}" for phase in PHASES]
                print(f"| {experiment} | {kind} | {' | '.join(medians)} |", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
