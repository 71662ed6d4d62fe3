"""``jaxgan sweep``: one experiment, many settings and seeds."""

import sys
from pathlib import Path

from jaxgan.system.command_line import Appended, Positional
from jaxgan.system.errors import PREEMPTED, UserError, exits


def sweep(
    experiment: Positional[Path],
    *,
    grid: Appended[tuple[str, ...]] = (),
    log_uniform: Appended[tuple[str, ...]] = (),
    random: int | None = None,
    seeds: int = 1,
    at_once: int | None = None,
    devices: int | None = None,
    workdir: Path = Path("runs/sweep"),
) -> None:
    """Train many settings and seeds of an experiment side by side, and keep the best.

    Learning rates, betas, penalty weight, EMA decay, the weights of a game and seeds vary inside one program.
    Other settings that vary need further programs, one after the other. The same command on the same folder
    goes on.

    Args:
        experiment: a file with a CONFIG, such as experiments/digits_mlp.py.
        grid: an option and its values, such as generator-learning-rate=1e-4,2e-4; one value sets it for all.
            An option that is a list takes one value a time: --grid hidden=64 --grid hidden=128,64.
        log_uniform: an option and its range, such as generator-learning-rate=1e-5,1e-2, for --random.
        random: number of draws from the ranges and the grids, instead of all combinations of the grids.
        seeds: number of seeds of each combination.
        at_once: largest number of members in one program; None: as many as the memory holds.
        devices: number of devices that share the members; None: all. Each core of a CPU is one.
        workdir: the sweep's folder, with table.csv, sweep.png and best/; its finished parts are not redone.
    """
    from jaxgan.sweep import schedule  # these imports take seconds, and `jaxgan sample` needs none of them
    from jaxgan.sweep.settings import make, read_config
    from jaxgan.system import compilation
    from jaxgan.system.limits import require_devices

    default = read_config(experiment)
    members = make(default, grid=grid, log_uniform=log_uniform, random=random, seeds=seeds)
    available = require_devices(each_core=True)
    for name, value in {"at_once": at_once, "devices": devices}.items():
        if value is not None and value < 1:
            raise UserError(f"`{name}` must be at least 1, got {value}")
    if devices is not None and devices > len(available):
        raise UserError(f"`devices` {devices} is more than the {len(available)} of this machine")
    varied = {"grid": list(grid), "log_uniform": list(log_uniform), "random": random, "seeds": seeds}
    settings = default.settings() | varied | {"at_once": at_once}
    if default.compilation_cache:
        compilation.keep_programs()
    with exits(OSError):
        done = schedule.run(workdir, members, settings, at_once=at_once, devices=available[:devices])
    if not done:
        sys.exit(PREEMPTED)
