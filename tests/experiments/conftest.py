"""The scripts of experiments/ and experiments/studies/, importable as they import each other."""

import sys

import pytest


@pytest.fixture
def experiments(request, monkeypatch):
    """The folder of experiments, on the path of imports together with its studies."""
    folder = request.config.rootpath / "experiments"
    before = set(sys.modules)
    for each in (folder, folder / "studies"):
        monkeypatch.syspath_prepend(each)
    yield folder
    for file in folder.rglob("*.py"):
        if file.stem not in before:
            sys.modules.pop(file.stem, None)


@pytest.fixture
def command(experiments, capsys):
    """Run a script's main in this process; return its exit code and what it prints."""

    def run(module, *arguments):
        code = 0
        try:
            module.main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
        return code, capsys.readouterr()

    return run
