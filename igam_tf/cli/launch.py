"""launch: a verb in several worker processes of this machine.

  launch --workers=2 -- evaluate runs/STUDENT --attacks=autoattack --output=student.json
  launch --workers=2 --threads=4 -- train_robust --strategy=multi_worker --dataset=cifar10

Every worker has its TF_CONFIG, with a free port of 127.0.0.1, and its part of the cores and GPUs.
evaluate divides its examples among the workers; training verbs divide every batch
(--strategy=multi_worker).

The output is that of the first worker, the chief; that of another is shown where it fails. When a
worker dies, all are ended and started again: training goes on from its last state, an evaluation
from its parts. SIGTERM, SIGHUP and an interruption end all workers. The exit code is the verb's.
"""

import dataclasses
import importlib
import sys
from collections.abc import Sequence
from typing import Annotated, Any

from igam_tf.core.command import Command
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings

TRAINING = ("train_robust", "finetune_teacher", "train_student")
VERBS = ("evaluate", *TRAINING)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaunchFlags(Settings):
    workers: Annotated[int, Setting("Number of worker processes.", at_least=1)]
    threads: Annotated[
        int | None,
        Setting(
            "Threads of each worker; by default its part of this machine's cores, unless "
            "OMP_NUM_THREADS, TF_NUM_INTRAOP_THREADS or TF_NUM_INTEROP_THREADS is set.",
            at_least=1,
        ),
    ] = None
    restarts: Annotated[
        int, Setting("How often all workers start again when one dies.", at_least=0)
    ] = 3


COMMAND = Command("launch", __doc__, LaunchFlags, rest="-- VERB ...")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    codes: list[int] = []

    def run(flags: LaunchFlags) -> None:
        codes.append(_launch(flags, arguments[end + 1 :]))

    return COMMAND.run(run, arguments[:end]) or sum(codes)


def _launch(flags: LaunchFlags, line: Sequence[str]) -> int:
    """Runs a verb's line in the workers; returns its exit code."""
    from igam_tf.core import processes

    verb = line[0].replace("-", "_") if line else ""
    if verb not in VERBS:
        raise InputError(
            f"expected -- and a verb ({', '.join(VERBS)}) with its flags, got {verb!r}"
        )
    # Mistakes in the verb's flags are seen here, before any worker starts.
    verb_flags: list[Any] = []
    command: Command[Any] = importlib.import_module(f"igam_tf.cli.{verb}").COMMAND
    if (code := command.run(verb_flags.append, line[1:])) or not verb_flags:
        return code
    if verb in TRAINING and verb_flags[0].run.strategy != "multi_worker":
        raise InputError(
            f"{verb} needs --strategy=multi_worker, so that its workers train one model"
        )
    group = processes.Workers(
        processes.environments(flags.workers, flags.threads),
        lambda text: print(f"launch: {text}", file=sys.stderr, flush=True),
    )
    restart = [*line, "--norestart", "--resume"] if verb in TRAINING else line
    return group.run(line, restart, flags.restarts)


if __name__ == "__main__":
    sys.exit(main())
