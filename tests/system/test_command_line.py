"""The command line: a mistake is one sentence, and a value may be written as in Python."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from jaxgan.config import Config
from jaxgan.system.command_line import Appended, Positional, argument, call, parse
from jaxgan.system.errors import exits

CALLS: list[dict[str, Any]] = []


def draw(
    run: Positional[Path],
    kind: Positional[Literal["grid", "film"]] = "grid",
    *,
    n: int = 64,
    share: float | None = None,
    class_: Annotated[str | None, argument(name="class")] = None,
    where: Appended[tuple[str, ...]] = (),
    gif: bool = False,
) -> None:
    """Draw.

    Args:
        run: a folder.
        kind: a kind.
        n: a number.
        share: a share.
        class_: a class.
        where: conditions.
        gif: whether to animate.
    """
    CALLS.append(
        {"run": run, "kind": kind, "n": n, "share": share, "class": class_, "where": where, "gif": gif}
    )


def command(*args: str) -> dict[str, Any]:
    """Return what the command was called with."""
    with exits(positional=("run", "kind")):
        call({"draw": draw, "drop": draw}, program="test", description="Test.", args=args)
    return CALLS.pop()


@pytest.mark.parametrize(
    ("args", "values"),
    [
        (["--n", "4.0"], {"n": 4}),
        (["--n=1e3", "--share", "NONE"], {"n": 1000, "share": None}),
        (["film", "--share", "-.5", "--gif", "False"], {"kind": "film", "share": -0.5}),
        (["Film", "--gif=true"], {"kind": "film", "gif": True}),
        (["--no-gif", "--where", "a=-1", "--where=b=2"], {"where": ("a=-1", "b=2")}),
        (["--class", "none"], {"class": None}),
        (["--class", "-1:x"], {"class": "-1:x"}),
        (["--class=--x"], {"class": "--x"}),
    ],
)
def test_a_value_may_be_written_as_in_python(args, values):
    expected = {
        "run": Path("x"),
        "kind": "grid",
        "n": 64,
        "share": None,
        "class": None,
        "where": (),
        "gif": False,
    }
    assert command("draw", "x", *args) == expected | values
    assert command("DRAW", "x", *args) == expected | values


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ([], "name a command: draw, drop; test --help says what each does"),
        (["--vers"], "name a command: draw, drop; test --help says what each does"),
        (["drawn"], "COMMAND drawn is unknown: did you mean draw? there are draw, drop"),
        (["draw"], "RUN is missing"),
        (["draw", "x", "grid", "y"], "y belongs to no option: a value with spaces takes quotes"),
        (["draw", "x", "strip"], "KIND is grid or film, got 'strip' (str)"),
        (["draw", "x", "--n", "many"], "--n is a whole number, got 'many' (str)"),
        (["draw", "x", "--n", "4.5"], "--n is a whole number, got '4.5' (str)"),
        (["draw", "x", "--share", "x"], "--share is a number or None, got 'x' (str)"),
        (["draw", "x", "--n"], "--n needs a value"),
        (["draw", "x", "--n", "--gif"], "--n needs a value"),
        (["draw", "x", "-n", "3"], "there is no option -n: did you mean --n?"),
        (["draw", "x", "--N", "3"], "there is no option --N: did you mean --n?"),
        (["draw", "x", "--shares", "3"], "there is no option --shares: did you mean --share?"),
        (["draw", "x", "--gif=yes"], "--gif is True or False, got yes"),
        (["draw", "x", "--no-n"], "there is no option --no-n"),
    ],
)
def test_a_mistake_is_one_sentence(args, sentence, capsys):
    with pytest.raises(SystemExit) as ended:
        command(*args)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {sentence}\n"


def config(*args: str) -> Config:
    return parse(Config(), description="Test.", args=args)


def test_the_case_of_none_and_of_all_does_not_matter():
    given = ("diagnose-every", "image-size", "channels", "hidden", "decay-steps", "augment", "terms")
    for none in ("none", "NONE", "None"):
        args = [part for name in given for part in (f"--{name}", none)]
        assert config(*args, "--devices", "ALL") == Config(diagnose_every=None)


def test_the_options_of_a_config_are_looked_at_too(capsys):
    assert config("--steps", "1e3", "--no-progress", "--mirror", "TRUE").replace(steps=6000) == Config(
        progress=False, mirror=True
    )
    for args, sentence in {
        ("--steps", "many"): "--steps is a whole number, got 'many' (str)",
        ("--learning-rate", "1"): "there is no option --learning-rate: did you mean "
        "--unrolled-learning-rate or --generator-learning-rate or --discriminator-learning-rate?",
        ("digits",): "digits belongs to no option: a value with spaces takes quotes",
    }.items():
        with pytest.raises(SystemExit) as ended:
            config(*args)
        assert ended.value.code == 2
        assert capsys.readouterr().err == f"error: {sentence}\n"
