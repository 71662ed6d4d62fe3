"""Errors that are told in one sentence, and the exit codes of programs."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

FAILED, USER_ERROR, INTERRUPTED = 1, 2, 130


class UserError(ValueError):
    """A mistake in what was asked for: one sentence for the user, exit code 2, nothing written or lost."""

    def advice(self, arguments: Sequence[str]) -> str:
        """Return a line on what would work instead of a program's arguments, if there is something."""
        return ""


@contextlib.contextmanager
def exits(*failures: type[Exception]) -> Iterator[None]:
    """End the program with one sentence, and no traceback, where what is inside raises.

    Args:
        failures: exceptions that say all there is to say, besides `UserError` (exit code 2) and Ctrl-C (130).
    """
    try:
        yield
    except UserError as error:
        advice = error.advice(sys.argv)
        print(f"error: {error}" + (f"\n{advice}" if advice else ""), file=sys.stderr)
        sys.exit(USER_ERROR)
    except failures as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.stdout.flush()
        if "jax" in sys.modules:  # its threads may compute still, and crash when the interpreter ends
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        sys.exit(INTERRUPTED)
