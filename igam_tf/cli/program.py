"""igam: the commands as verbs of one program, `igam VERB` or `python -m igam_tf VERB`.

In a checkout `bin/VERB` calls the same code. A verb is written with hyphens or underscores.
"""

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

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
    "benchmark": "benchmark",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns its exit code (see `igam_tf.core.command`)."""
    verb, *arguments = (sys.argv[1:] if argv is None else argv) or [""]
    if verb in ("--help", "-h"):
        print(usage())
        return 0
    if verb == "--version":
        print(f"igam {__version__}")
        return 0
    modules = VERBS | {module.replace("_", "-"): module for module in VERBS.values()}
    module = modules.get(verb.replace("_", "-"))
    if module is None:
        message = f"igam: expected a verb ({', '.join(VERBS)}), got {verb!r}; see --help"
        print(message, file=sys.stderr)
        return 2
    code: int = _module(module).main(arguments)
    return code


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
