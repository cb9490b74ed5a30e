"""python -m igam_tf.cli.reference > docs/settings.md: the settings of the training commands as
tables.
"""

from typing import Any

from igam_tf.cli import finetune_teacher, train_robust, train_student
from igam_tf.core.command import Command
from igam_tf.core.settings.fields import describe
from igam_tf.core.settings.flags import Flag, flags_of

_INTRODUCTION = """\
# Settings of the training commands

Written by `python -m igam_tf.cli.reference`: a setting is a field of a dataclass in
`igam_tf.core.settings.training`, `igam_tf.experiments.configs` or `igam_tf.experiments.options`, and the
flag, the key in `config.json`, the argument of the trainer's constructor and the line below follow
from it. Lists are separated by commas on a command line.
"""


def page() -> str:
    commands: list[Command[Any]] = [
        train_robust.COMMAND,
        finetune_teacher.COMMAND,
        train_student.COMMAND,
    ]
    return "\n".join([_INTRODUCTION, *map(_section, commands)])


def _section(command: Command[Any]) -> str:
    rows = [_row(flag) for flag in sorted(flags_of(command.settings), key=lambda flag: flag.name)]
    return "\n".join(
        [
            f"## {command.name}\n",
            "| flag | takes | default | meaning |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _row(flag: Flag) -> str:
    takes = describe(flag.field.hint, flag.field.setting)
    return f"| `--{flag.name}` | {takes} | {flag.default_text()} | {flag.field.setting.help} |"


if __name__ == "__main__":
    print(page(), end="")
