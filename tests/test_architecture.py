"""Imports only point down."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jaxgan

ROOT = Path(jaxgan.__file__).parent
LOWEST = {"errors", "files", "images", "limits"}  # any module may use these

MAY_IMPORT = {  # of jaxgan's own; the packages that a module may import at all are in ONLY
    "errors": set(),
    "files": set(),
    "images": set(),
    "limits": set(),
    "integrity": set(),
    "preemption": set(),
    "quiet": set(),
    "progress": set(),
    "losses": {"losses"},
    "penalties": {"penalties"},
    "augment": {"augment"},
    "networks": {"networks"},
    "state": set(),
    "game": {"state"},
    "accumulate": {"game"},
    "updates": {"accumulate", "game", "state", "updates"},
    "dynamics": {"state", "updates"},
    "diagnostics": {"diagnostics", "game", "state", "updates"},
    "step": {"game", "state", "updates"},
    "parallel": {"game", "parallel", "step", "state"},
    "data": {"data"},
    "sampling": set(),
    "metrics": {"metrics"},
    "compilation": set(),
    "config": set(),
    "choices": {"augment", "config", "losses", "networks", "penalties", "updates"},
    "build": {"augment", "choices", "config", "data", "losses", "state", "step"},
    "checkpoint": {"hosts", "integrity", "quiet", "state"},
    "hosts": set(),
    "health": {"config", "data", "hosts", "integrity"},
    "export": {"choices", "state"},
    "features": {"data", "features", "progress", "state"},
    "evaluate": {"config", "data", "evaluate", "export", "features", "metrics", "progress", "sampling"},
    "workdir": set(),
    "report": {"build", "config", "data"},
    "recorder": {
        "build", "config", "data", "export", "health", "progress", "report", "sampling", "state", "workdir",
    },
    "goal": set(),
    "judging": {"build", "config", "data", "evaluate", "features", "goal"},
    "monitor": {"build", "config", "data", "diagnostics", "recorder", "state", "workdir"},
    "watch": {
        "build", "checkpoint", "export", "goal", "judging", "recorder", "report", "state", "workdir",
    },
    "follower": {
        "build", "config", "data", "hosts", "progress", "recorder", "state", "workdir",
    },
    "loop": {
        "build", "checkpoint", "config", "data", "hosts", "monitor", "parallel", "preemption", "recorder", "state",
        "watch",
    },
    "devices": {"build", "config", "parallel"},
    "train": {
        "build", "checkpoint", "choices", "compilation", "config", "data", "devices", "features", "follower",
        "health", "hosts", "integrity", "judging", "loop", "monitor", "parallel",
        "preemption", "recorder", "report", "state", "watch", "workdir",
    },
    "sweep": {
        "build", "checkpoint", "compilation", "config", "data", "features", "health", "judging", "parallel",
        "preemption", "progress", "state", "step", "sweep", "train", "workdir",
    },
    "cli": {"__init__", "checkpoint", "config", "data", "evaluate", "export", "sampling", "sweep"},
    "__init__": {
        "augment", "data", "diagnostics", "dynamics", "evaluate", "export", "features", "losses", "metrics", "networks", "parallel",
        "penalties", "sampling", "state", "step", "updates",
    },
}  # fmt: skip

ONLY = {  # third-party packages with one home
    "orbax": {"checkpoint"},
    "tensorflow_datasets": {"data"},
    "sklearn": {"data"},
    "tyro": {"config"},
    "safetensors": {"export", "features"},
    "tqdm": {"progress", "data"},
    "matplotlib": {"report", "sweep"},
    "tensorboardX": {"recorder"},
}
PURE = {"losses": {"jax", "jaxtyping", "jaxgan"}, "penalties": {"jax", "jaxtyping", "optax", "jaxgan"}}
PURE["metrics"] = PURE["augment"] = {"jax", "jaxtyping", "numpy", "jaxgan"}
PURE["updates"] = {"jax", "optax", "jaxgan"}
PURE["dynamics"] = {"jax", "jaxtyping", "numpy", "scipy", "optax", "jaxgan"}
PURE["networks"] = {"jax", "jaxtyping", "flax", "jaxgan"}


def imports():
    """Yield (file, module of ours, imported name) for every import in the package."""
    for file in ROOT.rglob("*.py"):
        module = file.relative_to(ROOT).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: a relative import"
                names = [node.module]
                if node.module == "jaxgan":
                    names = [f"jaxgan.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                yield file, module, name


def test_every_module_has_its_place():
    modules = {
        path.name.removesuffix(".py") for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()
    }
    assert modules - {"__pycache__", "py.typed"} == set(MAY_IMPORT)


def test_imports_point_down():
    for file, module, name in imports():
        if name == "jaxgan" or name.startswith("jaxgan."):
            target = [*name.split("."), "__init__"][1]
            assert target in MAY_IMPORT[module] | LOWEST, f"{file.relative_to(ROOT)} imports {name}"


def test_nothing_imports_in_a_circle():
    def reach(module, path):
        for target in MAY_IMPORT[module] - {module}:
            assert target not in path, f"{' -> '.join(path)} -> {target}"
            reach(target, [*path, target])

    for module in MAY_IMPORT:
        reach(module, [module])


def test_each_heavy_package_has_one_home():
    for file, module, name in imports():
        package = name.split(".")[0]
        assert module in ONLY.get(package, {module}), f"{file.relative_to(ROOT)} imports {name}"
        allowed = PURE.get(module)
        if allowed and package not in sys.stdlib_module_names:
            assert package in allowed, f"{file.relative_to(ROOT)} imports {name}"


def test_no_module_grows_past_its_topic():
    for file in ROOT.rglob("*.py"):
        lines = len(file.read_text().splitlines())
        limit = {"train.py": 200, "step.py": 150}.get(file.name, 260)
        assert lines < limit, f"{file.relative_to(ROOT)} has {lines} lines"


@pytest.mark.parametrize(
    "package", ["orbax.checkpoint", "tensorflow_datasets", "sklearn", "matplotlib", "tensorflow"]
)
def test_importing_jaxgan_imports_nothing_heavy(package):
    program = f"import jaxgan, sys; sys.exit({package!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_every_public_name_exists_and_is_documented():
    for name in jaxgan.__all__:
        thing = getattr(jaxgan, name)
        assert name == "__version__" or thing.__doc__, name
