"""The examples of docstrings run. Each one imports what it uses, so a reader can paste it."""

import ast
import doctest
from pathlib import Path

import pytest

import jaxgan

ROOT = Path(jaxgan.__file__).parent
DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef)


def examples():
    """Return a test for each docstring with examples."""
    tests = []
    for file in sorted(ROOT.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if ">>>" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, DEFINITIONS) or not (docstring := ast.get_docstring(node)):
                continue
            name = f"{file.relative_to(ROOT).as_posix()}:{getattr(node, 'name', 'module')}"
            test = doctest.DocTestParser().get_doctest(docstring, {}, name, str(file), node.body[0].lineno)
            if test.examples:
                tests.append(test)
    return tests


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_an_example_gives_what_it_shows(test):
    written = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=written.append)
    assert result.attempted
    assert not result.failed, "".join(written)
