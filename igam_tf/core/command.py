"""What all commands share: flags from a settings dataclass, help, one-line errors, exit codes.

absl's own `app.run` exits with 1 on a wrong flag and on --help, and its --help hides flags that are
not declared in the main module; so each call has its own `FlagValues`, read and shown here.

Exit codes: 0 done, 1 the work failed (training diverged), 2 a mistake in the command, 130
interrupted.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from absl import flags

from igam_tf.core.errors import DivergedError, InputError
from igam_tf.core.settings import Settings
from igam_tf.core.settings.flags import build, define, flags_of

S = TypeVar("S", bound=Settings)


class Command(Generic[S]):
    """A verb: its description and its flags.

    Args:
      name: as typed.
      doc: first line is the summary; the rest explains.
      settings: the class whose fields are the flags and the arguments without a name.
    """

    def __init__(self, name: str, doc: str, settings: type[S]) -> None:
        self.name, self.doc, self.settings = name, doc, settings

    def run(self, main: Callable[[S], Any], argv: Sequence[str] | None = None) -> int:
        """Parses, calls `main` with the settings, returns the exit code."""
        arguments = list(sys.argv[1:] if argv is None else argv)
        if {"--help", "-h"} & set(arguments):  # before parsing: help needs no required flag
            print(self.help())
            return 0
        values = flags.FlagValues()
        define(self.settings, values)
        try:
            main(build(self.settings, values, values([self.name, *arguments])[1:]))
            sys.stdout.flush()
        except (flags.Error, InputError) as error:
            return self._fail(error, 2)
        except BrokenPipeError:  # the reader of the output, `head` for example, stopped reading
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            return self._fail(
                f"{error.strerror or error}: {error.filename}" if error.filename else error, 2
            )
        except KeyboardInterrupt:
            return self._fail("interrupted", 130)
        except DivergedError as error:
            return self._fail(error, 1)
        return 0

    def help(self) -> str:
        shown = sorted(
            flags_of(self.settings),
            key=lambda flag: "" if flag.field.setting.positional else flag.name,
        )
        arguments = [flag.name.upper() for flag in shown if flag.field.setting.positional]
        usage = " ".join(["usage:", self.name, *arguments, "[flags]"])
        return "\n".join([self.doc.strip(), "", usage, "", *(flag.help() for flag in shown)])

    def _fail(self, error: object, code: int) -> int:
        print(f"{self.name}: {' '.join(str(error).split())}", file=sys.stderr)
        return code
