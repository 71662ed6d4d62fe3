"""Imports only point down, no file imports in a circle, and each heavy package has one home."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import jaxgan

ROOT = Path(jaxgan.__file__).parent

# From the top of the house to its ground. A room may import itself and `system`; what else it may is listed.
MAY_IMPORT = {
    "cli": {
        "build", "config", "data", "evaluate", "explain", "export", "export_to", "prior", "recipes", "representation",
        "rules", "run", "sampling", "sweep", "train", "translate", "__init__",
    },
    "export_to": {"export", "prior", "sampling", "web"},
    "web": {"explain", "export", "networks"},
    "translate": {"data", "export", "sampling"},
    "explain": {
        "data", "evaluate", "export", "features", "games", "images", "metrics", "networks", "prior", "representation",
        "sampling", "state",
    },
    "representation": {
        "build", "config", "data", "evaluate", "export", "games", "images", "metrics", "names", "networks", "parallel",
        "sampling", "state",
    },
    "sweep": {"build", "config", "data", "evaluate", "features", "games", "parallel", "run", "state", "step", "train"},
    "train": {"build", "config", "data", "features", "parallel", "run", "state"},
    "run": {
        "build", "config", "data", "diagnostics", "evaluate", "export", "features", "images", "metrics", "parallel",
        "sampling", "state",
    },
    "evaluate": {"build", "config", "data", "export", "features", "images", "metrics", "prior", "sampling"},
    "build": {
        "augment", "config", "data", "diagnostics", "export", "games", "losses", "names", "penalties", "rules", "sampling",
        "schedules", "state", "step",
    },
    "export": {"data", "games", "images", "inert", "layers", "names", "networks", "prior", "sampling", "state"},
    "recipes": {"config", "networks"},
    "config": {"names", "rules"},
    "names": {"augment", "games", "images", "losses", "networks", "penalties", "rules", "updates"},
    "rules": {"data", "games", "networks", "prior"},
    "features": {"data", "images", "inert", "layers", "state"},
    "parallel": {"games", "state", "step"},
    "diagnostics": {"games", "images", "prior", "state", "updates"},
    "step": {"games", "images", "state", "updates"},
    "updates": {"games", "state"},
    "games": {"images", "prior", "state"},
    "prior": set(),
    "state": set(),
    "inert": set(),
    "data": {"images"},
    "sampling": {"images", "prior"},
    "metrics": set(),
    "networks": {"layers"},
    "layers": set(),
    "losses": set(),
    "penalties": set(),
    "augment": set(),
    "schedules": set(),
    "images": set(),
    "system": set(),
    "__init__": {
        "augment", "config", "data", "diagnostics", "evaluate", "export", "features", "games", "layers", "losses",
        "metrics", "networks", "parallel", "penalties", "sampling", "state", "step", "train", "updates",
    },
}  # fmt: skip

ONLY_IN = {  # third-party packages with one home
    "orbax": {"run/checkpoint.py"},
    "tensorflow_datasets": {"data/tfds/source.py", "data/tfds/prepare.py"},
    "sklearn": {
        "data/sources.py",
        "data/tables/embedded.py",
        "data/tables/modes.py",
        "evaluate/tables/learned.py",
        "representation/shallow.py",
    },
    "tyro": {"system/command_line.py"},
    "tqdm": {"system/progress.py"},
    "flatbuffers": {"export/stablehlo.py"},
    "jax2onnx": {"export/onnx.py"},
    "huggingface_hub": {"export/hub.py"},
    "pyarrow": {"data/tables/files.py", "data/tables/write.py"},
    "tensorboardX": {"run/recorder.py"},
}
PURE = {  # all that a room of pure functions may import besides itself
    "losses": {"jax", "jaxtyping"},
    "augment": {"jax", "jaxtyping", "numpy"},
    "penalties": {"jax", "jaxtyping", "optax"},
    "updates": {"jax", "optax"},
    "diagnostics": {"flax", "jax", "jaxtyping", "numpy", "optax", "scipy"},
    "layers": {"flax", "jax", "jaxtyping"},
    "networks": {"flax", "jax", "jaxtyping"},
    "metrics": {"jax", "jaxtyping", "numpy", "scipy"},
}


def imports():
    """Yield (file below the package, dotted name that it imports) for every import."""
    for path in sorted(ROOT.rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: a relative import"
                for alias in node.names:
                    yield file, module_of(f"{node.module}.{alias.name}", node.module)


def module_of(name, parent):
    """Return the name where it is a module of ours, else the module that it is imported from."""
    path = ROOT.joinpath(*name.split(".")[1:])
    return (
        name if name.startswith("jaxgan.") and (path.is_dir() or path.with_suffix(".py").exists()) else parent
    )


def file_of(name):
    path = ROOT.joinpath(*name.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return path.relative_to(ROOT).as_posix()


def room(file):
    return file.split("/")[0].removesuffix(".py")


IMPORTS = list(imports())
OURS = [(file, file_of(name)) for file, name in IMPORTS if name.split(".")[0] == "jaxgan"]


def test_every_module_is_in_a_room():
    assert {room(path.relative_to(ROOT).as_posix()) for path in ROOT.rglob("*.py")} == set(MAY_IMPORT)


def test_imports_point_down():
    for file, target in OURS:
        allowed = MAY_IMPORT[room(file)] | {"system", room(file)}
        assert room(target) in allowed, f"{file} imports {target}"


def test_no_file_imports_in_a_circle():
    targets = {file: {target for source, target in OURS if source == file} for file, _ in OURS}
    done = set()

    def visit(file, path):
        assert file not in path, f"{' -> '.join(path)} -> {file}"
        for target in targets.get(file, set()) - done - {file}:
            visit(target, [*path, file])
        done.add(file)

    for file in targets:
        visit(file, [])


def test_each_heavy_package_has_one_home():
    for file, name in IMPORTS:
        package = name.split(".")[0]
        assert file in ONLY_IN.get(package, {file}), f"{file} imports {name}"
        allowed = PURE.get(room(file))
        if allowed and package != "jaxgan" and package not in sys.stdlib_module_names:
            assert package in allowed, f"{file} imports {name}"


HEAVY = {
    "matplotlib",
    "scipy.optimize",
    "scipy.sparse.linalg",
    "scipy.special",
    "scipy.stats",
    "sklearn",
    "tensorflow",
}


@pytest.mark.parametrize(
    ("names", "heavy"),
    [
        ("jaxgan, jaxgan.data", HEAVY | {"orbax.checkpoint", "tensorflow_datasets", "tyro"}),
        ("jaxgan.train", HEAVY | {"tensorflow_datasets"}),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(names, heavy):
    program = f"import {names}, sys; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(imported.stdout.split())


def packages():
    return ["jaxgan", *(f"jaxgan.{path.parent.name}" for path in sorted(ROOT.glob("*/__init__.py")))]


@pytest.mark.parametrize("package", packages())
def test_every_public_name_exists_and_is_documented(package):
    module = importlib.import_module(package)
    assert module.__doc__
    for name in getattr(module, "__all__", ()):
        thing = getattr(module, name)
        if isinstance(thing, type | type(module)) or inspect.isfunction(thing):
            assert thing.__doc__, f"{package}.{name} has no docstring"
