"""Writes docs/settings.md, the settings of the training commands.

python -m igam_tf.cli.reference > docs/settings.md
"""

import textwrap
from typing import Any

from igam_tf.cli import finetune_teacher, train_robust, train_student
from igam_tf.core.command import Command
from igam_tf.core.settings.fields import describe
from igam_tf.core.settings.flags import Flag, flags_of

_INTRODUCTION = """\
# Settings of the training commands

`python -m igam_tf.cli.reference` writes this page. A setting is a field of a dataclass in
`igam_tf.core.settings.training`, `igam_tf.experiments.configs` or `igam_tf.experiments.options`.
The flag, the key in `config.json`, the argument of the trainer's constructor and the entry below
follow from the field. On a command line, commas separate the items of a list.
"""


def page() -> str:
    commands: tuple[Command[Any], ...] = (
        train_robust.COMMAND,
        finetune_teacher.COMMAND,
        train_student.COMMAND,
    )
    return "\n".join([_INTRODUCTION, *map(_section, commands)])


def _section(command: Command[Any]) -> str:
    entries = [_entry(flag) for flag in sorted(flags_of(command.settings), key=lambda f: f.name)]
    return "\n".join([f"## {command.name}\n", *entries, ""])


def _entry(flag: Flag) -> str:
    values = describe(flag.field.hint, flag.field.setting)
    default = flag.default_text()
    kind = f"{values}; required" if default == "required" else f"{values}; default {default}"
    text = f"- `--{flag.name}` ({kind}): {flag.field.setting.help}"
    return textwrap.fill(text, 100, subsequent_indent="  ", break_on_hyphens=False)


if __name__ == "__main__":
    print(page(), end="")
