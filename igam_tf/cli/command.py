"""What all commands share: flags of their own, help, one-line errors, exit codes.

absl's own `app.run` exits with 1 on a wrong flag and on --help, and its --help hides flags that are not declared in the
main module; so each command has its own `FlagValues`, read and shown here.

Exit codes: 0 done, 1 the work failed (training diverged), 2 a mistake in the command, 130 interrupted.
"""

import copy
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

from igam_tf.errors import DivergedError, InputError


class Command:
    """A verb: its description, its flags, what it does.

    Args:
      name: as typed.
      doc: first line is the summary; the rest explains.
      positional: names of the arguments that are no flags (one, or two with a space between), or None.
    """

    def __init__(self, name: str, doc: str, positional: str | None = None) -> None:
        self.name, self.doc, self.positional = name, doc, positional
        self.flags = flags.FlagValues()

    def run(self, main: Callable[[Any], None], argv: Sequence[str] | None = None) -> int:
        """Parses, calls `main` with the flag values (positional arguments as `target` and `out`), returns the exit code."""
        arguments = list(sys.argv[1:] if argv is None else argv)
        if {"--help", "-h"} & set(arguments):  # before parsing: help needs no required flag
            print(self.help())
            return 0
        values = copy.deepcopy(self.flags)  # a call leaves nothing to the next one in this process
        try:
            self._take_positional(values, values([self.name, *arguments])[1:])
            main(values)
            sys.stdout.flush()
        except (flags.Error, InputError) as error:
            return self._fail(error, 2)
        except BrokenPipeError:  # the reader of the output, `head` for example, stopped reading
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            return self._fail(f"{error.strerror or error}: {error.filename}" if error.filename else error, 2)
        except KeyboardInterrupt:
            return self._fail("interrupted", 130)
        except DivergedError as error:
            return self._fail(error, 1)
        return 0

    def help(self) -> str:
        usage = f"usage: {self.name} {self.positional.upper() + ' ' if self.positional else ''}[flags]"
        shown = []
        for name in sorted(self.flags):
            flag = self.flags[name]
            text = f"{flag.help} (default: {flag.default_as_str or 'none'})"
            text = textwrap.fill(text, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
            shown.append(f"  --{'[no]' if flag.boolean else ''}{name}\n{text}")
        return "\n".join([self.doc.strip(), "", usage, "", *shown])

    def _take_positional(self, values: flags.FlagValues, rest: list[str]) -> None:
        wanted = (self.positional or "").upper().split()
        if len(rest) > len(wanted):
            raise InputError(f"unexpected argument {rest[len(wanted)]!r}; --help lists the flags")
        if len(rest) < len(wanted):
            raise InputError(f"expected {' '.join(wanted[len(rest) :])}; --help says what it can be")
        for name, value in zip(("target", "out"), rest, strict=False):
            flags.DEFINE_string(name, value, "a positional argument", flag_values=values)

    def _fail(self, error: object, code: int) -> int:
        print(f"{self.name}: {' '.join(str(error).split())}", file=sys.stderr)
        return code
