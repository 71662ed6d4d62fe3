"""Two CPU devices, no silent broadcasting, every annotated shape checked; compiling fast, not running fast."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(__file__).parent.parent / ".pytest_cache/jax")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.5"  # many tests compile the same step

import jax
import jaxtyping
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jaxtyping.install_import_hook("jaxgan", "check_types.check").__enter__()

ROOT = Path(__file__).parent.parent


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
    """A cache folder in which digits-cnn is trained."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXGAN_CACHE", str(folder))
        from jaxgan import features

        features.get("digits-cnn")
    return folder


@pytest.fixture
def digits_cnn(trained, own_cache):
    """digits-cnn, in the test's own cache too."""
    from jaxgan import features

    shutil.copytree(trained / "classifiers", own_cache / "classifiers")
    return features.get("digits-cnn")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No test sees what another one, or the user, has cached."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("JAXGAN_CACHE", str(folder))
    return folder
