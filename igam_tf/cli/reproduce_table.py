"""reproduce_table: a table of the paper, beside the paper's own numbers.

Trains what is missing, reuses every row that is finished, goes on with interrupted ones.

  reproduce_table --table=1                        the embedded demo, minutes
  reproduce_table --table=1 --preset=cpu           MNIST to CIFAR-10, narrow networks, hours on two cores
  reproduce_table --table=1 --preset=paper         the paper's sizes: for GPUs
  reproduce_table --table=2 --preset=paper --rows=IGAM-Upsize --weights=IGAM-Upsize=modelIGAM-Upsize:igam_student
                                                   a released student, scored without any training
  reproduce_table --table=2 --preset=paper --dry_run   what it would take, and which data is missing
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from igam_tf.cli import shared
from igam_tf.cli.command import Command
from igam_tf.errors import InputError
from igam_tf.experiments import configs, tables
from igam_tf.experiments.options import Options
from igam_tf.experiments.recipes import PRESETS
from igam_tf.settings import Setting, Settings
from igam_tf.settings.choices import MODES, PRECISIONS, REPORT_FORMATS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags(Settings):
    table: Annotated[
        str,
        Setting(
            "Which table of the paper, the rows of its Figure 5, Table 2's on the halves of CIFAR-10, students "
            "matched to other things than their teacher or with one setting changed (docs/tables.md), or what "
            "each setting between paper and release does (docs/protocols.md).",
            choices=tuple(tables.TABLES),
        ),
    ] = "1"
    preset: shared.Preset = "demo"
    teacher: Annotated[
        str | None, Setting(f"A robust source model to use instead of training one: {shared.MODEL}.")
    ] = None
    weights: Annotated[
        tuple[str, ...],
        Setting(
            f"ROW=PATH: score that row from {shared.MODEL} (PATH:KIND where it holds several networks) instead "
            "of training it. Can be repeated.",
            repeated=True,
        ),
    ] = ()
    statistics: Annotated[
        tuple[str, ...],
        Setting(
            "BatchNorm modes; recalibrated: moving averages re-estimated on clean training images. The preset's "
            "by default.",
            choices=MODES,
        ),
    ] = ()
    rows: shared.Rows = ()
    num_examples: Annotated[int | None, Setting("Test images per row; the preset's by default.", at_least=1)] = None
    seed: Annotated[tuple[int, ...], Setting("Of everything drawn at random; several also give means.")] = (0,)
    format: Annotated[
        str,
        Setting(
            "Also write the table as Markdown, as JSON with every record, or as one HTML page with pictures; "
            "the text is printed and kept in any case.",
            choices=REPORT_FORMATS,
        ),
    ] = "text"
    output: Annotated[
        pathlib.Path | None,
        Setting("Write the table there, in --format; all seeds in one file. By default beside the text in --runs_dir."),
    ] = None
    list: Annotated[bool, Setting("Only say which rows there are and how far each has come.")] = False
    dry_run: Annotated[
        bool,
        Setting(
            "Only say what it would take: every step with its images, gradients and hours by a quick "
            "calibration on this machine, and where the data is."
        ),
    ] = False
    precision: Annotated[str, Setting("Of the networks that are trained.", choices=PRECISIONS)] = "float32"
    options: Options = Options()


COMMAND = Command("reproduce_table", __doc__, Flags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: Flags) -> None:
    print(
        f"Table {flags.table}, preset {flags.preset}"
        f" (others: {', '.join(p for p in PRESETS if p != flags.preset)}; --preset)",
        flush=True,
    )
    seeds = flags.seed
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError(f"seed: expected one or more different numbers, got {','.join(map(str, seeds))!r}")
    from igam_tf import files, report, summary
    from igam_tf.experiments import reproduce, trained

    if flags.output:
        files.require_place(flags.output, "output")
    teacher = trained.weights(flags.teacher) if flags.teacher else None
    declared = {
        seed: configs.table_at_precision(tables.table(flags.table, flags.preset, seed, teacher), flags.precision)
        for seed in seeds
    }
    options = flags.options
    weights = dict(_row_weights(text, trained.weights) for text in flags.weights)
    if flags.list or flags.dry_run:
        _plan(flags, declared, options, weights)
        return
    results = {}
    name = f"{'table' if flags.table.isdigit() else ''}{flags.table}-{flags.preset}"
    name += f"-{flags.precision}" if flags.precision != "float32" else ""
    for seed, table in declared.items():
        results[seed] = reproduce.reproduce(
            table, options, flags.rows, flags.num_examples, flags.statistics, weights, report.progress
        )
        _publish(report.table_text(table, results[seed]), options.runs_dir / f"{name}-seed{seed}.txt")
    if len(seeds) > 1:
        text = summary.summary_text(declared[seeds[0]], results)
        _publish(text, options.runs_dir / f"{name}-seeds{'-'.join(map(str, seeds))}.txt")
    if flags.output or flags.format != "text":
        from igam_tf.report import publish

        numbered = f"{name}-seed{'s' if len(seeds) > 1 else ''}{'-'.join(map(str, seeds))}.{flags.format}"
        reruns = {row: _rerun_flags(flags, row) for row in declared[seeds[0]].rows}
        path = flags.output or options.runs_dir / numbered
        publish.publish(declared, results, reruns, weights, options, flags.format, path)
        print(f"written: {path}", flush=True)


def _plan(flags: Flags, declared: Mapping[int, Any], options: Any, weights: Mapping[str, Any]) -> None:
    from igam_tf.experiments import plan, reproduce
    from igam_tf.report import plans

    measured = functools.cache(plan.seconds_per_pass)  # seeds share networks
    for seed, table in declared.items():
        adjusted = reproduce.adjusted(table, flags.rows, flags.num_examples, flags.statistics, weights)
        steps = plan.plan(adjusted, options, flags.rows, weights)
        print(f"Seed {seed}")
        print(
            plans.list_text(adjusted, steps) if flags.list else plans.plan_text(adjusted, steps, measured), flush=True
        )


def _publish(text: str, path: pathlib.Path) -> None:
    from igam_tf import files

    print(text)
    files.write_text(path, text + "\n")
    print(f"written: {path}", flush=True)


def _rerun_flags(flags: Flags, row: str) -> list[str]:
    """The flags that change a row's figures, beyond its table, preset and seed."""
    rerun = [f"--teacher={flags.teacher}"] if flags.teacher else []
    rerun += [f"--weights={each}" for each in flags.weights if each.partition("=")[0] == row]
    rerun += [f"--statistics={','.join(flags.statistics)}"] if flags.statistics else []
    rerun += [f"--num_examples={flags.num_examples}"] if flags.num_examples else []
    rerun += [f"--precision={flags.precision}"] if flags.precision != "float32" else []
    return [*rerun, *(["--deterministic"] if flags.options.deterministic else [])]


def _row_weights(text: str, weights: Callable[..., Any]) -> tuple[str, Any]:
    from madry_checkpoints.kinds import KINDS

    row, separator, place = text.partition("=")
    if not separator:
        raise InputError(f"weights: expected ROW=PATH, got {text!r}")
    path, _, kind = place.rpartition(":") if place.rpartition(":")[2] in KINDS else (place, "", "")
    return row, weights(path, kind or None)
