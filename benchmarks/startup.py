"""What passes from the start of the process to the first trained step, phase by phase.

python benchmarks/startup.py

Each repetition is a new process, which starts a run as `jaxgan.train` does. A "cold" one begins with an empty
compilation cache, a "warm" one finds its programs in the cache. benchmarks/README.md has figures.
"""

import argparse
import importlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tables import Table
from timing import quartiles

PHASES = ("import", "data", "init", "compile", "first step", "in all")
NETWORKS = ("digits_mlp", "digits_dcgan")


def child(experiment: str) -> None:
    """Start an experiment as `jaxgan.train` does, and print the seconds of each phase."""
    marks = [float(os.environ["STARTUP_BEGAN"])]

    import jax  # the imports stand here because their time is measured

    from jaxgan import build, parallel
    from jaxgan.data.stream import feed
    from jaxgan.run import placement
    from jaxgan.run.keys import run_keys
    from jaxgan.system import compilation

    sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))
    config = importlib.import_module(experiment).CONFIG.check()
    compilation.keep_programs()
    marks.append(time.time())
    dataset = build.dataset(config)
    marks.append(time.time())
    game = placement.place(build.experiment(config, dataset), config)
    keys = run_keys(config.seed)
    state = jax.block_until_ready(game.init(keys.init))
    marks.append(time.time())
    with feed(
        dataset,
        seed=config.seed,
        batch_size=config.images_per_step,
        conditional=config.conditional,
        start=0,
        device_bytes=config.device_data * 1e9,
        mesh=game.mesh,
    ) as batches:
        key = parallel.replicate(keys.train, game.mesh)
        advance = parallel.compile_run(game.step, batches.batch_at, state, batches.shapes, key, game.mesh)
        marks.append(time.time())
        jax.block_until_ready(advance(state, batches.take(1), key, 1))
        marks.append(time.time())
    seconds = [after - before for before, after in itertools.pairwise(marks)]
    print(json.dumps(dict(zip(PHASES, [*seconds, marks[-1] - marks[0]], strict=True))))


def measure(experiment: str, cache: str) -> dict[str, float]:
    """Run one new process, and return the seconds of its phases."""
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
    table = Table(["experiment", "cache", *PHASES], names=NETWORKS)
    for experiment in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            caches = {"cold": [f"{folder}/{i}" for i in range(arguments.repetitions)]}
            caches["warm"] = [caches["cold"][0]] * arguments.repetitions
            for kind, folders in caches.items():
                runs = record[f"{experiment}, {kind}"] = [measure(experiment, cache) for cache in folders]
                medians = [f"{quartiles([run[phase] for run in runs])[1]:.2f}" for phase in PHASES]
                table.add([experiment, kind, *medians])
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
