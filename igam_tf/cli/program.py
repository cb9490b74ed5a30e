"""igam: the commands as verbs of one program, `igam VERB` or `python -m igam_tf VERB`.

In a checkout `bin/VERB` calls the same code. A verb is written with hyphens or underscores.
"""

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from igam_tf.core.command import Command
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Settings
from igam_tf.core.version import __version__

# A verb and its module in igam_tf.cli, in the order of a user's work.
VERBS = {
    "train-robust": "train_robust",
    "finetune-teacher": "finetune_teacher",
    "train-student": "train_student",
    "evaluate": "evaluate",
    "reproduce-table": "reproduce_table",
    "plot-figure": "plot_figure",
    "export-model": "export_model",
    "convert": "convert_checkpoint",
    "save-study": "save_study",
    "launch": "launch",
    "selfcheck": "selfcheck",
    "benchmark": "benchmark",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns its exit code (see `igam_tf.core.command`)."""
    verb, *arguments = (sys.argv[1:] if argv is None else argv) or [""]
    modules = VERBS | {module.replace("_", "-"): module for module in VERBS.values()}
    module = modules.get(verb.replace("_", "-"))
    if module is None:
        return Command("igam", __doc__, Settings).run(lambda _: _without_verb(verb), [])
    code: int = _module(module).main(arguments)
    return code


def _without_verb(argument: str) -> None:
    """Prints the help or the version; raises InputError for any other argument."""
    if argument in ("--help", "-h"):
        print(usage())
    elif argument == "--version":
        print(f"igam {__version__}")
    else:
        names = ", ".join(VERBS)
        raise InputError(f"expected a verb ({names}), got {argument!r}; see --help")


def usage() -> str:
    """The text of --help: a line for each verb, from the first line of its module's docstring."""
    lines = [
        f"  {verb:<18}{str(_module(module).__doc__).splitlines()[0].partition(': ')[2]}"
        for verb, module in VERBS.items()
    ]
    return "\n".join(
        [
            "igam: robustness transfer through input gradients (IGAM) on TensorFlow 2.",
            "",
            "usage: igam VERB [flags]",
            "",
            *lines,
            "",
            "igam VERB --help says more of each and lists its flags. --version prints the version.",
        ]
    )


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"igam_tf.cli.{name}")


if __name__ == "__main__":
    sys.exit(main())
