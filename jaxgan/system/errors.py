"""Errors that one sentence explains, how the command line prints them, and the exit codes of programs.

A message names an argument between backticks: "`image_size` is at least 1x1". This is how a caller in Python
spells it. The command line prints the same sentence with its own spelling, ``--image-size``. Backticks
therefore hold nothing but names that are options too.
"""

import contextlib
import difflib
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence

from jaxgan.system import output
from jaxgan.system.signals import stops_kept

FAILED, USER_ERROR, PREEMPTED, INTERRUPTED = 1, 2, 75, 130

NICKNAMES = {  # what papers and other libraries call some of the names here
    "bce": "non_saturating",
    "diffaug": "color,translation,cutout",
    "diffaugment": "color,translation,cutout",
    "gp": "gradient_penalty",
    "lsgan": "least_squares",
    "ns": "non_saturating",
    "rgan": "relativistic",
    "ralsgan": "relativistic_average_least_squares",
    "rahinge": "relativistic_average_hinge",
    "vanilla": "minimax",
    "wgan": "wasserstein,wgan_gp",
    "wgangp": "gradient_penalty",
}


class UserError(ValueError):
    """A mistake of the user's: one sentence explains it; the exit code is 2, and nothing is written."""

    def advice(self, arguments: Sequence[str]) -> str:
        """Return a line that says which program arguments would work instead, or an empty one."""
        return ""


def with_flags(text: str, positional: Collection[str] = ()) -> str:
    """Return a message with each argument as the command line spells it: "`image_size`" is --image-size.

    Args:
        text: a message.
        positional: arguments that a command takes by their place; "`data`" is DATA.
    """

    def spelled(match: re.Match[str]) -> str:
        return match[1].upper() if match[1] in positional else "--" + match[1].replace("_", "-")

    return re.sub(r"`([a-z]\w*)`", spelled, text)


def choose(argument: str, name: str, known: Iterable[str]) -> str:
    """Return the known name that `name` means, whatever its case, and whether it has hyphens, spaces or none.

    Args:
        argument: the argument that `name` was given for.
        name: a name as the user wrote it.
        known: all names there are.

    Raises:
        UserError: if `name` is unknown, with the nearest known name and the list of all.
    """
    names = {plain(each): each for each in known}
    spelled = plain(name)
    if spelled in names:
        return names[spelled]
    meant = [each for each in NICKNAMES.get(spelled, "").split(",") if each in names.values()]
    if not meant:
        meant = [names[each] for each in difflib.get_close_matches(spelled, names, 1)]
    hint = f"did you mean {','.join(meant)}? " if meant else ""
    raise UserError(f"`{argument}` {name} is unknown: {hint}there are {', '.join(names.values())}")


def plain(name: str) -> str:
    """Return a name without case, hyphens, underscores and spaces, as names are compared."""
    return re.sub(r"[-_\s]", "", name).lower()


@contextlib.contextmanager
def exits(*failures: type[Exception], positional: Collection[str] = ()) -> Iterator[None]:
    """End the program with one sentence, and without a traceback, where the body raises an expected error.

    Args:
        failures: exceptions whose message says enough (exit code 1). `UserError` (2) and Ctrl-C (130) are
            always among them.
        positional: arguments that the program takes by their place.
    """
    try:
        with stops_kept():
            yield
    except UserError as error:
        advice = error.advice(sys.argv)
        output.write(
            f"error: {with_flags(str(error), positional)}" + (f"\n{advice}" if advice else ""), error=True
        )
        sys.exit(USER_ERROR)
    except BrokenPipeError:  # whoever read the help, or a table, has seen enough
        output.silence(sys.stdout)
        sys.exit(0)
    except failures as error:
        output.write(f"error: {with_flags(str(error), positional)}", error=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        output.write("interrupted", error=True)
        if "jax" in sys.modules:  # its threads may still compute, and crash when the interpreter ends
            output.flush()
            os._exit(INTERRUPTED)
        sys.exit(INTERRUPTED)
