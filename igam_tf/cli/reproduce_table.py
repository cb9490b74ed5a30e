"""reproduce_table: a table of the paper, beside the paper's own numbers.

Trains what is missing, reuses every row that is finished, goes on with interrupted ones.

  reproduce_table --table=1                        the embedded demo, minutes
  reproduce_table --table=1 --preset=cpu           MNIST to CIFAR-10, narrow networks, hours on two cores
  reproduce_table --table=1 --preset=paper         the paper's sizes: for GPUs
  reproduce_table --table=2 --preset=paper --rows=IGAM-Upsize --weights=IGAM-Upsize=modelIGAM-Upsize:igam_student
                                                   a released student, scored without any training
  reproduce_table --table=2 --preset=paper --dry_run   what it would take, and which data is missing
"""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags

from igam_tf.cli import shared
from igam_tf.cli.command import Command
from igam_tf.errors import InputError

_COMMAND = Command("reproduce_table", __doc__)
_VALUES = _COMMAND.flags
flags.DEFINE_enum(
    "table",
    "1",
    shared.TABLES,
    "Which table of the paper, the rows of its Figure 5, Table 2's on the halves of CIFAR-10, students matched to other things "
    "than their teacher or with one setting changed (docs/tables.md), or what each setting between paper and release does "
    "(docs/protocols.md).",
    flag_values=_VALUES,
)
flags.DEFINE_enum(
    "preset", "demo", ["demo", "cpu", "paper"], "Sizes: embedded data, two cores, or the paper's.", flag_values=_VALUES
)
flags.DEFINE_string(
    "teacher",
    None,
    "A robust source model to use instead of training one: run directory, .keras or checkpoint.",
    flag_values=_VALUES,
)
flags.DEFINE_multi_string(
    "weights",
    [],
    "ROW=PATH: score that row from a run directory, a .keras file or a checkpoint (PATH:KIND where it holds several "
    "networks) instead of training it",
    flag_values=_VALUES,
)
flags.DEFINE_list(
    "statistics",
    [],
    "BatchNorm modes: moving, batch, recalibrated (moving averages re-estimated on clean training images); the preset's "
    "by default.",
    flag_values=_VALUES,
)
flags.DEFINE_list("rows", [], "Only these rows; all by default.", flag_values=_VALUES)
flags.DEFINE_integer(
    "num_examples", None, "Test images per row; the preset's by default.", lower_bound=1, flag_values=_VALUES
)
flags.DEFINE_list(
    "seed", ["0"], "Of everything drawn at random; several, comma-separated, also give means.", flag_values=_VALUES
)
flags.DEFINE_string(
    "data_dir", None, "Where TFDS's prepared data is; TFDS_DATA_DIR, else ~/tensorflow_datasets.", flag_values=_VALUES
)
flags.DEFINE_enum(
    "format",
    "text",
    ["text", "md", "json", "html"],
    "Also write the table as Markdown, as JSON with every record, or as one HTML page with pictures; the text is printed "
    "and kept in any case.",
    flag_values=_VALUES,
)
flags.DEFINE_string(
    "output",
    None,
    "Write the table there, in --format; all seeds in one file. By default beside the text in --runs_dir.",
    flag_values=_VALUES,
)
flags.DEFINE_bool("list", False, "Only say which rows there are and how far each has come.", flag_values=_VALUES)
flags.DEFINE_bool(
    "dry_run",
    False,
    "Only say what it would take: every step with its images, gradients and hours by a quick calibration on this machine, "
    "and where the data is.",
    flag_values=_VALUES,
)
shared.define_runs_dir(_COMMAND)
shared.define_precision(_COMMAND)
shared.define_jit(_COMMAND)


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


def _run(values: Any) -> None:
    print(
        f"Table {values.table}, preset {values.preset}"
        f" (others: {', '.join(p for p in ('demo', 'cpu', 'paper') if p != values.preset)}; --preset)",
        flush=True,
    )
    seeds = shared.numbers("seed", values.seed, int)
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError(f"seed: expected one or more different numbers, got {','.join(values.seed)!r}")
    from igam_tf import files, report, summary
    from igam_tf.experiments import configs, reproduce, tables, trained

    if values.output:
        files.require_place(pathlib.Path(values.output), "output")
    teacher = trained.weights(values.teacher) if values.teacher else None
    declared = {
        seed: configs.table_at_precision(tables.table(values.table, values.preset, seed, teacher), values.precision)
        for seed in seeds
    }
    options = shared.options(values)
    given = dict(_given(text, trained.weights) for text in values.weights)
    if values.list or values.dry_run:
        _plan(values, declared, options, given)
        return
    found = {}
    name = f"{'table' if values.table.isdigit() else ''}{values.table}-{values.preset}"
    name += f"-{values.precision}" if values.precision != "float32" else ""
    for seed, table in declared.items():
        found[seed] = reproduce.reproduce(
            table, options, values.rows, values.num_examples, values.statistics, given, report.progress
        )
        _publish(report.table_text(table, found[seed]), options.runs_dir / f"{name}-seed{seed}.txt")
    if len(seeds) > 1:
        text = summary.summary_text(declared[seeds[0]], found)
        _publish(text, options.runs_dir / f"{name}-seeds{'-'.join(map(str, seeds))}.txt")
    if values.output or values.format != "text":
        from igam_tf.report import publish

        numbered = f"{name}-seed{'s' if len(seeds) > 1 else ''}{'-'.join(map(str, seeds))}.{values.format}"
        again = {row: _again(values, row) for row in declared[seeds[0]].rows}
        path = pathlib.Path(values.output) if values.output else options.runs_dir / numbered
        publish.publish(declared, found, again, given, options, values.format, path)
        print(f"written: {path}", flush=True)


def _plan(values: Any, declared: Mapping[int, Any], options: Any, given: Mapping[str, Any]) -> None:
    from igam_tf.experiments import plan, reproduce
    from igam_tf.report import plans

    measured = functools.cache(plan.seconds_per_pass)  # seeds share networks
    for seed, table in declared.items():
        asked = reproduce.adjusted(table, values.rows, values.num_examples, values.statistics, given)
        steps = plan.plan(asked, options, values.rows, given)
        print(f"Seed {seed}")
        print(plans.list_text(asked, steps) if values.list else plans.plan_text(asked, steps, measured), flush=True)


def _publish(text: str, path: pathlib.Path) -> None:
    from igam_tf import files

    print(text)
    files.write_text(path, text + "\n")
    print(f"written: {path}", flush=True)


def _again(values: Any, row: str) -> list[str]:
    """What makes a row again beyond its table, preset and seed: all that was asked for and changes its figures."""
    asked = [f"--teacher={values.teacher}"] if values.teacher else []
    asked += [f"--weights={each}" for each in values.weights if each.partition("=")[0] == row]
    asked += [f"--statistics={','.join(values.statistics)}"] if values.statistics else []
    asked += [f"--num_examples={values.num_examples}"] if values.num_examples else []
    asked += [f"--precision={values.precision}"] if values.precision != "float32" else []
    return [*asked, *(["--deterministic"] if values.deterministic else [])]


def _given(text: str, weights: Callable[..., Any]) -> tuple[str, Any]:
    row, separator, place = text.partition("=")
    if not separator:
        raise InputError(f"weights: expected ROW=PATH, got {text!r}")
    path, _, kind = place.rpartition(":") if place.rpartition(":")[2] in _KINDS else (place, "", "")
    return row, weights(path, kind or None)


_KINDS = ("mnist_challenge", "cifar10_challenge", "igam_student", "igam_teacher", "igam_tiny_source")
