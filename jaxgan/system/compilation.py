"""Compiled programs kept between runs: the second start of an experiment does not compile again."""

import hashlib
import platform
from pathlib import Path

import jax

SHORTEST = 0.3  # seconds of compiling that are worth a file


def keep_in(folder: Path) -> None:
    """Switch on JAX's persistent compilation cache, unless the user has set one up already.

    Programs for CPU use what this very processor can do, so each kind of processor has a folder of its own:
    a home folder is often shared by several.

    Args:
        folder: where the caches of all kinds of processors lie; made when the first program is kept.
    """
    if jax.config.jax_compilation_cache_dir:  # pyrefly: ignore  # from the environment, too
        return
    kind = hashlib.sha256(_processor().encode()).hexdigest()[:12]
    jax.config.update("jax_compilation_cache_dir", str(folder / kind))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", SHORTEST)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    known = [line for line in lines if line.startswith(("model name", "flags", "Features"))]
    return platform.machine() + platform.processor() + "".join(sorted(set(known)))
