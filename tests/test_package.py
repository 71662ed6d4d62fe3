"""The package as somebody installs it: its types, and the oldest versions of what it needs."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import jaxgan

USE = """
import jax

import jaxgan
from jaxgan import losses, metrics

generate = jaxgan.load_generator("runs/digits")
images: jax.Array = generate(jax.random.normal(jax.random.key(0), (4, 100)))
loss: jaxgan.Loss = losses.hinge
distance: float = metrics.frechet_distance(images, images).value
"""


def run(*command, cwd, expect=0):
    """Run a program as a user would, who has no checkout and none of the tests' settings."""
    tests = ("PYTHONPATH", "PYTHONWARNINGS", "XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in tests}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == expect, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_users_program_is_checked_by_the_packages_types(tmp_path):
    checker = shutil.which("pyrefly", path=Path(sys.executable).parent) or shutil.which("pyrefly")
    if checker is None:
        pytest.skip("pyrefly is not installed")
    package, unread = Path(jaxgan.__file__).parent, shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, tmp_path / "site/jaxgan", ignore=unread)
    (tmp_path / "pyrefly.toml").write_text('site-package-path = ["site"]\n')
    (tmp_path / "right.py").write_text(USE)
    (tmp_path / "wrong.py").write_text(USE + 'images = jaxgan.load_generator("runs/digits")\n')
    assert (tmp_path / "site/jaxgan/py.typed").is_file()
    check = (checker, "check", "--python-interpreter-path", sys.executable)
    run(*check, "right.py", cwd=tmp_path)
    assert "bad-assignment" in run(*check, "wrong.py", cwd=tmp_path, expect=1)


@pytest.mark.long
def test_the_oldest_versions_of_what_it_needs_work(pytestconfig, tmp_path):
    """It downloads a gigabyte, and trains, resumes, samples, evaluates, explains and exports."""
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed")
    run("uv", "venv", "--python", "3.11", "old", cwd=tmp_path)
    python, command = tmp_path / "old/bin/python", tmp_path / "old/bin/jaxgan"
    run("uv", "build", "--wheel", "--out-dir", tmp_path / "dist", pytestconfig.rootpath, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"jaxgan/py.typed", "jaxgan/web/page/index.html", "jaxgan/web/page/page.js"} <= set(names)
    oldest = ("--resolution", "lowest-direct", "--python", python)
    run("uv", "pip", "install", *oldest, f"{wheel}[export]", cwd=tmp_path)
    for steps in (20, 30):
        run(command, "train", "--data", "digits", "--steps", steps, "--workdir", "run", cwd=tmp_path)
    run(command, "sample", "run", "--n", 16, "--out", "grid.png", cwd=tmp_path)
    run(command, "evaluate", "run", "--n", 200, cwd=tmp_path)
    run(command, "explain", "run", "--n", 2, cwd=tmp_path)
    run(command, "export", "run", "--to", "stablehlo", "--out", "out", cwd=tmp_path)
    run(python, "-I", "out/use.py", cwd=tmp_path)
    assert (tmp_path / "generator.npz").is_file()
