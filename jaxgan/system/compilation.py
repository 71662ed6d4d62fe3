"""Compiled programs are kept between runs: the second start of an experiment does not compile again."""

import hashlib
import platform
from pathlib import Path

import jax

from jaxgan.system import cache

SHORTEST = 0.3  # seconds of compiling that are worth a file


def keep_programs() -> None:
    """Switch on JAX's persistent compilation cache in the user's cache folder, unless one is set up already.

    A program for CPU uses the instructions of the processor that compiled it. Each kind of processor
    therefore has a folder of its own: several machines often share one home folder.
    """
    if jax.config.jax_compilation_cache_dir:  # pyrefly: ignore  # the environment can set it, too
        return
    processor = hashlib.sha256(_processor().encode()).hexdigest()[:12]
    jax.config.update("jax_compilation_cache_dir", str(cache.folder() / "compiled" / processor))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", SHORTEST)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    known = [line for line in lines if line.startswith(("model name", "flags", "Features"))]
    return platform.machine() + platform.processor() + "".join(sorted(set(known)))
