"""Every public piece says what it is, and which paper and place it comes from."""

import ast
import importlib
import inspect
import itertools
import re
from pathlib import Path

import pytest

import jaxgan
from jaxgan import augment, losses, metrics, penalties
from jaxgan.networks import layers

ROOT = Path(jaxgan.__file__).parent
PAPER = re.compile(r"\b(19|20)\d\d\b")  # a year: "Mescheder et al. 2018, eq. 9"
OURS = {"Critic", "Penalty", "Weight", "encode_labels", "Moments", "ShiftedSums", "compose"}  # no paper's
OURS |= {"DIVERGENCES"}


def public(module):
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if name not in OURS]
    names = vars(module)
    return [
        name for name, thing in names.items()
        if not name.startswith("_") and name not in OURS and getattr(thing, "__module__", "") == module.__name__
    ]  # fmt: skip


def written_below(name, folder):
    """The string after ``name = ...``: the docstring of a value."""
    for file in folder.rglob("*.py"):
        body = ast.parse(file.read_text()).body
        for node, after in itertools.pairwise(body):
            named = isinstance(node, ast.Assign) and any(getattr(t, "id", None) == name for t in node.targets)
            if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                return after.value.value
    return None


PIECES = [(module, name) for module in (losses, penalties, augment, layers) for name in public(module)]


@pytest.mark.parametrize(("module", "name"), PIECES, ids=[f"{m.__name__}.{n}" for m, n in PIECES])
def test_every_public_piece_names_its_paper(module, name):
    thing = getattr(module, name)
    text = inspect.getdoc(thing) if callable(thing) and not isinstance(thing, tuple) else None
    text = text or written_below(name, ROOT / "losses")
    assert text, "no docstring"
    home = inspect.getdoc(module) + inspect.getdoc(
        importlib.import_module(getattr(thing, "__module__", "jaxgan"))
    )
    assert PAPER.search(text), "names no paper"
    if inspect.isfunction(thing) and name not in ("sign_statistic",):
        for section in ("Args:", "Returns:", "References:"):
            assert section in text, f"no {section}"
        assert "http" in text + home, "no address"


@pytest.mark.parametrize(
    "name", [name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))]
)
def test_every_metric_names_its_paper(name):
    function = getattr(metrics, name)
    text = inspect.getdoc(function) + inspect.getdoc(importlib.import_module(function.__module__))
    assert PAPER.search(text) or name in ("shifted_sums",)
    assert "Returns:" in text
