"""selfcheck: checks that this machine computes what it should, and how fast.

Each check prints PASS, WARN or FAIL with its evidence in one line. WARN means slow, busy or
imprecise; FAIL means that figures may be wrong. The exit code is 1 if any check FAILs.

  environment  versions, devices and precisions, and other load.
  batch_norm   second derivatives through BatchNorm, against finite differences.
  igam_step    those of a whole IGAM step, and outputs of every device and precision against the
               CPU's in float64.
  replicas     the update of an IGAM step on two replicas, against one device's.
  attack       PGD's time, beside that of its input gradients alone.
  training     an IGAM step's share of the peak convolution, and its memory.
  paper_hours  the hours of each row of the paper's tables on this machine.

  # The first thing to run on a new machine; attach the file to a bug report:
  selfcheck --output=selfcheck.json
  # Whether derivatives are right, alone:
  selfcheck --checks=batch_norm,igam_step,replicas
  # A GPU is busy only with the paper's width:
  selfcheck --width=10
"""

import dataclasses
import json
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Annotated

from igam_tf.core.command import Command
from igam_tf.core.errors import FailedError
from igam_tf.core.settings import Setting, Settings
from igam_tf.selfcheck import CHECKS


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelfcheckFlags(Settings):
    checks: Annotated[
        tuple[str, ...], Setting("Only these checks; all by default.", choices=CHECKS)
    ] = ()
    width: Annotated[
        int, Setting("Width of the network whose training step is timed.", at_least=1)
    ] = 1
    batch_size: Annotated[int, Setting("Images of that step.", at_least=1)] = 64
    output: Annotated[
        pathlib.Path | None,
        Setting("Write all findings, their figures and the environment to this JSON file."),
    ] = None


COMMAND = Command("selfcheck", __doc__, SelfcheckFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: SelfcheckFlags) -> None:
    from igam_tf.core import files, runtime
    from igam_tf.selfcheck import checking, findings

    if flags.output:
        files.require_place(flags.output, "output")
    began = time.monotonic()
    checks = checking.all_checks(checking.CheckSizes(flags.width, flags.batch_size))
    results = []
    for finding in checking.run(checks, flags.checks or CHECKS):
        print(finding.text(), flush=True)
        results.append(finding)
    seconds = time.monotonic() - began
    print(f"{findings.summary(results)}, in {seconds:.0f} s")
    if flags.output:
        record = {
            "environment": runtime.environment(),
            "seconds": seconds,
            "findings": [dataclasses.asdict(finding) for finding in results],
        }
        files.write_text(flags.output, json.dumps(record, indent=1) + "\n")
        print(f"written: {flags.output}")
    if failed := [finding.subject for finding in results if finding.status == "FAIL"]:
        raise FailedError(f"failed: {'; '.join(failed)}")


if __name__ == "__main__":
    sys.exit(main())
