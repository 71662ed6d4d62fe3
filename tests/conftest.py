"""Two CPU devices, no silent broadcasting, annotated shapes checked; compiling fast, not running fast.

The annotations of the pure packages are checked; `pytest -m long` checks those of all packages.
"""

import gc
import itertools
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
if version("jax").startswith("0.10."):  # later ones have no such flag; it halves the time of compiling
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(__file__).parent.parent / ".pytest_cache/jax")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"  # many tests compile the same program

import jax
import jaxtyping
import numpy as np
import pytest

from blank import save_blank

jax.config.update("jax_numpy_rank_promotion", "raise")

PURE = (
    "augment", "games", "images", "layers", "losses", "metrics", "networks", "parallel", "penalties", "prior", "sampling",
    "state", "step", "updates",
)  # fmt: skip
CONVERTING = (
    "__init__",
    "__pycache__",
    "config",
    "evaluate",
)  # what takes text and paths, and converts them itself


def pytest_configure(config):
    """Check annotations, before anything imports jaxgan."""
    whole = "long" in config.option.markexpr.replace("not long", "")
    rooms = [path.stem for path in (Path(__file__).parent.parent / "jaxgan").iterdir()] if whole else PURE
    modules = [f"jaxgan.{name}" for name in rooms if name not in CONVERTING]
    jaxtyping.install_import_hook(modules, f"check_types.{'whole' if whole else 'pure'}").__enter__()


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Let the garbage collector pass over what is imported, and run seldom: tracing makes many objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(100_000, 20, 20)
        gc.enable()


@pytest.fixture(scope="module", autouse=True)
def few_programs():
    """Forget compiled programs before they use up the memory maps that Linux allows a process (65,530).

    The garbage collector then passes over what the tests of this file leave behind.
    """
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 20_000:
        jax.clear_caches()
    gc.collect()
    gc.freeze()


@pytest.fixture
def run_program():
    """Run a Python program as a user would: one device, no settings of the tests'."""

    def run(*arguments, cwd, expect=0, timeout=300):
        environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "PYTHONWARNINGS")}
        result = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert result.returncode == expect, f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A cache folder that holds digits-cnn, with the weights that tests/golden/make_digits_cnn.py trained."""
    folder = tmp_path_factory.mktemp("trained")
    with np.load(Path(__file__).parent / "golden/digits_cnn.npz") as stored:
        arrays = {name: stored[name].astype(np.promote_types(stored[name].dtype, "f4")) for name in stored}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXGAN_CACHE", str(folder))
        patch.setattr("jaxgan.features.classifiers._train", lambda *arguments: arrays)
        from jaxgan import features

        features.get("digits-cnn")  # the library writes its cache itself
    return folder


@pytest.fixture
def digits_cnn(trained, own_cache):
    """digits-cnn, in the test's own cache too."""
    from jaxgan import features

    shutil.copytree(trained, own_cache, dirs_exist_ok=True)
    return features.get("digits-cnn")


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    """A finished run of two steps on digits, conditional; whoever changes it takes a copy."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.savefig", save_blank)
        from jaxgan import train
        from jaxgan.config import Config

        train.run(Config(workdir=str(folder), steps=2, batch_size=8, conditional=True, quiet=True))
    return folder


CACHES = itertools.count()


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No test sees what another one, or the user, has cached."""
    folder = tmp_path_factory.getbasetemp() / f"cache-{next(CACHES)}"  # `mktemp` would list all folders first
    folder.mkdir()
    monkeypatch.setenv("JAXGAN_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def figures_are_blank(request, monkeypatch):
    """Tests whose subject is a figure ask for `drawn_figures`; for all others a figure is one pixel."""
    if "drawn_figures" not in request.fixturenames:
        monkeypatch.setattr("matplotlib.figure.Figure.savefig", save_blank)


@pytest.fixture
def drawn_figures(monkeypatch):
    """Figures are drawn; the list that is returned holds those that were saved, in order."""
    from matplotlib.figure import Figure

    figures, savefig = [], Figure.savefig

    def save(figure, *arguments, **options):
        figures.append(figure)
        return savefig(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", save)
    return figures
