"""Compiled programs are kept between runs: the second start of an experiment does not compile again."""

import hashlib
import platform
from pathlib import Path

import jax

from jaxgan.system import cache
from jaxgan.system.errors import UserError
from jaxgan.system.progress import write

SHORTEST = 0.05  # seconds of compiling that are worth a file


def keep_programs() -> None:
    """Switch on JAX's persistent compilation cache in the user's cache folder, unless one is set up already.

    A user without a cache folder compiles each time; a line says so.

    A program for CPU uses the instructions of the processor that compiled it. Each kind of processor
    therefore has a folder of its own: several machines often share one home folder.
    """
    if jax.config.jax_compilation_cache_dir:  # pyrefly: ignore  # the environment can set it, too
        return
    try:
        folder = cache.folder()
    except UserError as error:
        return write(f"note: compiled programs are not kept: {error}")
    processor = hashlib.sha256(_processor().encode()).hexdigest()[:12]
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled" / processor))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", SHORTEST)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    known = [line for line in lines if line.startswith(("model name", "flags", "Features"))]
    return platform.machine() + platform.processor() + "".join(sorted(set(known)))
