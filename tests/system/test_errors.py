"""Errors: a message names arguments, and the command line prints them as its own options."""

import pytest

from jaxgan.system.errors import UserError, choose, exits, with_flags


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        ("`image_size` is at least 1x1, got 0x8", "--image-size is at least 1x1, got 0x8"),
        ("`coordinator` and `num_processes` go together", "--coordinator and --num-processes go together"),
        ("there is no folder my_pictures", "there is no folder my_pictures"),
        ("`runs/gan` is no run", "`runs/gan` is no run"),
    ],
)
def test_the_command_line_prints_an_argument_as_its_option(message, printed):
    assert with_flags(message) == printed


def test_an_argument_that_a_command_takes_by_its_place_has_no_dashes():
    message = "name the images with `data`, and their part with `split`"
    assert with_flags(message, ("run", "data")) == "name the images with DATA, and their part with --split"


@pytest.mark.parametrize(("error", "code"), [(UserError, 2), (OSError, 1)])
def test_a_program_ends_with_one_sentence_and_its_exit_code(error, code, capsys):
    with pytest.raises(SystemExit) as ended, exits(OSError):
        raise error("`batch_size` is at least 1")
    assert ended.value.code == code
    assert capsys.readouterr().err == "error: --batch-size is at least 1\n"


def test_a_caller_in_python_reads_the_name_of_the_argument():
    assert str(UserError("`image_size` is at least 1x1")) == "`image_size` is at least 1x1"


def test_an_unexpected_error_keeps_its_traceback():
    with pytest.raises(KeyError), exits(OSError):
        raise KeyError("image")


def test_a_name_is_chosen_with_either_kind_of_dash():
    known = ("fid_infinity", "digits-cnn")
    assert [choose("metrics", name, known) for name in ("fid-infinity", "digits_cnn")] == list(known)


@pytest.mark.parametrize(("name", "hint"), [("digit-cnn", "did you mean digits-cnn\\? "), ("resnet", "")])
def test_an_unknown_name_gets_the_nearest_one_and_the_list(name, hint):
    with pytest.raises(UserError, match=f"^`extractor` {name} is unknown: {hint}there are fid, digits-cnn$"):
        choose("extractor", name, ["fid", "digits-cnn"])
