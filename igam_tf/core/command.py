"""The runner of all commands: flags from a settings dataclass, help, one-line errors, exit codes.

Each call parses its own `FlagValues`. absl's `app.run` would exit with 1 on a wrong flag and on
--help, and its --help hides flags that are declared outside the main module.

Exit codes: 0 done, 1 training diverged, a file cannot be written or a part of the work failed,
2 a mistake in the command, 75 another worker has ended, 130 interrupted, 143 ended by SIGTERM or
SIGHUP.
"""

import errno
import os
import pathlib
import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from absl import flags

from igam_tf.core import signals
from igam_tf.core.errors import (
    DivergedError,
    FailedError,
    InputError,
    StorageError,
    WorkerLostError,
)
from igam_tf.core.settings import Settings
from igam_tf.core.settings.flags import build, define, flags_of

S = TypeVar("S", bound=Settings)
# By default TensorFlow uses oneDNN only on processors with AVX512-VNNI. Training is faster with it
# on older ones too (docs/performance.md).
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
# Of a disk that is full, read-only or gone. Other errors come from a wrong path.
_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENODEV)


class Command(Generic[S]):
    """A command with its description and flags.

    Args:
      name: the command's name, for messages.
      doc: the text above the flags in --help.
      settings: the dataclass whose fields are the flags and positional arguments.
      rest: what follows the flags on a command line, for --help.
    """

    def __init__(self, name: str, doc: str, settings: type[S], rest: str = "") -> None:
        self.name, self.doc, self.settings, self.rest = name, doc, settings, rest

    def run(self, main: Callable[[S], Any], argv: Sequence[str] | None = None) -> int:
        """Parses `argv`, calls `main` with the settings and returns the exit code."""
        arguments = list(sys.argv[1:] if argv is None else argv)
        _turn_onednn_on()
        values = flags.FlagValues()
        define(self.settings, values)
        try:
            if {"--help", "-h"} & set(arguments):  # before parsing, which insists on required flags
                print(self.help())
            else:
                with signals.raised():
                    main(build(self.settings, values, values([self.name, *arguments])[1:]))
            sys.stdout.flush()
        except (flags.Error, InputError) as error:
            return self._fail(error, 2)
        except BrokenPipeError:  # the output's reader has exited, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            message = f"{error.strerror or error}: {error.filename}" if error.filename else error
            is_storage = isinstance(error, StorageError) or error.errno in _STORAGE
            return self._fail(message, 1 if is_storage else 2)
        except signals.Interruption as error:
            return self._fail(error, error.code)
        except KeyboardInterrupt:
            return self._fail("interrupted", 130)
        except (DivergedError, FailedError) as error:
            return self._fail(error, 1)
        except WorkerLostError as error:
            return self._fail(error, 75)
        return 0

    def help(self) -> str:
        """The text of --help: description, usage, positional arguments, flags in name order."""
        flag_list = list(flags_of(self.settings))
        flag_list.sort(key=lambda flag: "" if flag.positional else flag.name)
        arguments = [flag.name.upper() for flag in flag_list if flag.positional]
        usage = " ".join(["usage:", self.name, *arguments, "[flags]", self.rest]).rstrip()
        return "\n".join([self.doc.strip(), "", usage, "", *(flag.help() for flag in flag_list)])

    def _fail(self, error: object, code: int) -> int:
        print(f"{self.name}: {' '.join(str(error).split())}", file=sys.stderr)
        return code


def shell_line(verb: str, *arguments: str) -> str:
    """The line that starts a command here: `bin/VERB` in a checkout, elsewhere `igam VERB`.

    Args:
      verb: the name of the command's file in bin/, with underscores.
      arguments: its arguments, which are quoted for the shell where they need it.
    """
    checkout = pathlib.Path(__file__).resolve().parents[2]
    in_checkout = (checkout / "bin" / verb).is_file()
    program = [f"bin/{verb}"] if in_checkout else ["igam", verb.replace("_", "-")]
    return shlex.join([*program, *arguments])


def _turn_onednn_on() -> None:
    """Before TensorFlow starts, because it reads the variable once."""
    if "tensorflow" not in sys.modules and platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault(ONEDNN, "1")
