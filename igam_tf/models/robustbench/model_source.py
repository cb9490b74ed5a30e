"""Models by source: `robustbench:ARCHITECTURE:PATH[:OPTION=VALUE...]`."""

import dataclasses
import inspect
import re
from typing import Any

import keras

from igam_tf.core.errors import InputError
from igam_tf.models.robustbench import ARCHITECTURES, robustbench
from igam_tf.models.source_options import source_option

_PREFIX = "robustbench:"
_OPTION = re.compile(r"\w+=.*")


@dataclasses.dataclass(frozen=True)
class RobustbenchSource:
    """A file with trained weights, and how to read it.

    Attributes:
      architecture, path: the first arguments of `igam_tf.models.robustbench`.
      options: its other arguments.
    """

    architecture: str
    path: str
    options: dict[str, Any]

    def load(self) -> keras.Model:
        """The model; raises InputError as `igam_tf.models.robustbench` does."""
        return robustbench(self.architecture, self.path, **self.options)


def robustbench_source(text: str) -> RobustbenchSource | None:
    """The source `robustbench:ARCHITECTURE:PATH[:OPTION=VALUE...]`; None if it is another one.

    Options are arguments of `igam_tf.models.robustbench`: `image_size=64`, `activation=relu`,
    `mean=0.5,0.5,0.5`.

    Raises:
      InputError: no path, or an option that is no argument.
    """
    if not text.startswith(_PREFIX):
        return None
    architecture, *parts = text.removeprefix(_PREFIX).split(":")
    options: dict[str, Any] = {}
    while parts and _OPTION.fullmatch(parts[-1]):
        name, value = source_option(parts.pop())
        options[name] = value
    path = ":".join(parts)
    if architecture not in ARCHITECTURES or not path:
        raise InputError(
            f"{text}: expected robustbench:ARCHITECTURE:PATH with one of {', '.join(ARCHITECTURES)}"
        )
    arguments = list(inspect.signature(robustbench).parameters)[2:]
    for name in options:
        if name not in arguments:
            raise InputError(f"{text}: expected options {', '.join(arguments)}, got {name!r}")
    return RobustbenchSource(architecture, path, dict(reversed(options.items())))
