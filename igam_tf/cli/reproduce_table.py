"""reproduce_table: a table of the paper, beside the paper's own numbers.

Trains what is missing, reuses every row that is finished, goes on with interrupted ones.

  reproduce_table --table=1                        the embedded demo, minutes
  reproduce_table --table=1 --preset=cpu           MNIST to CIFAR-10, narrow networks, hours on two
  cores reproduce_table --table=1 --preset=paper         the paper's sizes: for GPUs
  reproduce_table --table=2 --preset=paper --rows=IGAM-Upsize
                                                   --weights=IGAM-Upsize=modelIGAM-Upsize:igam_student a released student, scored without any training
  reproduce_table --table=2 --preset=paper --dry_run   what it would take, and which data is missing
  reproduce_table --table=2 --save_study=mine.json     also keep all records and configurations in
  one file reproduce_table --from=results/controls-cpu.json --table=controls   print a table from
  such a file
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from igam_tf.cli import shared, studies
from igam_tf.core.command import Command
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings
from igam_tf.core.settings.choices import MODES, PRECISIONS, REPORT_FORMATS
from igam_tf.experiments import configs, tables
from igam_tf.experiments.options import Options
from igam_tf.experiments.sizes import PRESETS


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReproduceTableFlags(Settings):
    table: Annotated[
        str | None,
        Setting(
            "Which table of the paper, the rows of its Figure 5, Table 2's on the halves of CIFAR-10, students "
            "matched to other things than their teacher or with one setting changed (docs/tables.md), or what "
            "each setting between paper and release does (docs/protocols.md). "
            f"One of {', '.join(tables.TABLES)}; 1 by default. With --from one of the study's tables; "
            "all of them by default.",
        ),
    ] = None
    study: studies.From = None
    preset: shared.Preset = "demo"
    teacher: Annotated[
        str | None,
        Setting(f"A robust source model to use instead of training one: {shared.MODEL}."),
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
    num_examples: Annotated[
        int | None, Setting("Test images per row; the preset's by default.", at_least=1)
    ] = None
    seed: Annotated[
        tuple[int, ...] | None,
        Setting(
            "Of everything drawn at random; several also give means. 0 by default; with --from every seed of the study."
        ),
    ] = None
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
        Setting(
            "Write the table there, in --format; all seeds in one file. By default beside the text in --runs_dir."
        ),
    ] = None
    save_study: studies.SaveStudy = None
    list: Annotated[bool, Setting("Only say which rows there are and how far each has come.")] = (
        False
    )
    dry_run: Annotated[
        bool,
        Setting(
            "Only say what it would take: every step with its images, gradients and hours by a quick "
            "calibration on this machine, and where the data is."
        ),
    ] = False
    precision: Annotated[str, Setting("Of the networks that are trained.", choices=PRECISIONS)] = (
        "float32"
    )
    options: Options = Options()


COMMAND = Command("reproduce_table", __doc__, ReproduceTableFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: ReproduceTableFlags) -> None:
    if flags.study is not None:
        _show(flags, flags.study)
        return
    name, seeds = flags.table or "1", (0,) if flags.seed is None else flags.seed
    tables.require_name(name)
    print(
        f"Table {name}, preset {flags.preset} (others: {', '.join(p for p in PRESETS if p != flags.preset)}; --preset)",
        flush=True,
    )
    _require_seeds(seeds)
    from igam_tf.core import files
    from igam_tf.experiments import trained

    for place, flag in ((flags.output, "output"), (flags.save_study, "save_study")):
        if place is not None:
            files.require_place(place, flag)
    teacher = trained.weights(flags.teacher) if flags.teacher else None
    declared = {
        seed: tables.at_precision(tables.table(name, flags.preset, seed, teacher), flags.precision)
        for seed in seeds
    }
    weights = dict(_row_weights(text, trained.weights) for text in flags.weights)
    if flags.list or flags.dry_run:
        _plan(flags, declared, flags.options, weights)
    else:
        _reproduce(flags, declared, weights)


def _reproduce(
    flags: ReproduceTableFlags,
    declared: Mapping[int, configs.Table],
    weights: Mapping[str, configs.Weights],
) -> None:
    from igam_tf import report
    from igam_tf.core import files
    from igam_tf.experiments import reproduce, summary

    options, seeds, first = flags.options, tuple(declared), next(iter(declared.values()))
    study = studies.study_for(flags.save_study, first) if flags.save_study else None
    name = f"{'table' if first.name.isdigit() else ''}{first.name}-{flags.preset}"
    name += f"-{flags.precision}" if flags.precision != "float32" else ""
    numbered = f"{name}-seed{'s' if len(seeds) > 1 else ''}{'-'.join(map(str, seeds))}"
    results, texts = {}, {}
    for seed, table in declared.items():
        results[seed] = reproduce.reproduce(
            table,
            options,
            flags.rows,
            flags.num_examples,
            flags.statistics,
            weights,
            report.progress,
        )
        texts[f"{name}-seed{seed}"] = text = report.table_text(table, results[seed])
        _publish(text, options.runs_dir / f"{name}-seed{seed}.txt")
    if len(seeds) > 1:
        texts[numbered] = text = summary.summary_text(first, results)
        _publish(text, options.runs_dir / f"{numbered}.txt")
    reruns = {row: _rerun_flags(flags, row) for row in first.rows}
    if flags.output or flags.format != "text":
        from igam_tf.report import publish

        path = flags.output or options.runs_dir / f"{numbered}.{flags.format}"
        files.write_text(
            path, publish.rendered(declared, results, reruns, weights, options, flags.format)
        )
        print(f"written: {path}", flush=True)
    if flags.save_study and study:
        scored = {
            seed: reproduce.adjusted(
                table, flags.rows, flags.num_examples, flags.statistics, weights
            )
            for seed, table in declared.items()
        }
        studies.save(study, flags.save_study, scored, results, reruns, texts, options)
        print(f"written: {flags.save_study}", flush=True)


def _show(flags: ReproduceTableFlags, path: pathlib.Path) -> None:
    """The tables of a study: on standard output, or in --output."""
    studies.require_usable(flags, ("study", "table", "seed", "rows", "format", "output", "options"))
    if flags.seed is not None:
        _require_seeds(flags.seed)
    from igam_tf.core import files

    if flags.output:
        files.require_place(flags.output, "output")
    text = studies.tables_text(
        path, flags.table, flags.seed or (), flags.rows, flags.format, flags.options
    )
    if flags.output is None:
        print(text, end="")
    else:
        files.write_text(flags.output, text)
        print(f"written: {flags.output}", flush=True)


def _require_seeds(seeds: Sequence[int]) -> None:
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError(
            f"seed: expected one or more different numbers, got {','.join(map(str, seeds))!r}"
        )


def _plan(
    flags: ReproduceTableFlags,
    declared: Mapping[int, Any],
    options: Any,
    weights: Mapping[str, Any],
) -> None:
    from igam_tf.experiments import plan, reproduce
    from igam_tf.report import plans

    measured = functools.cache(plan.seconds_per_pass)  # seeds share networks
    for seed, table in declared.items():
        adjusted = reproduce.adjusted(
            table, flags.rows, flags.num_examples, flags.statistics, weights
        )
        steps = plan.plan(adjusted, options, flags.rows, weights)
        print(f"Seed {seed}")
        print(
            plans.list_text(adjusted, steps)
            if flags.list
            else plans.plan_text(adjusted, steps, measured),
            flush=True,
        )


def _publish(text: str, path: pathlib.Path) -> None:
    from igam_tf.core import files

    print(text)
    files.write_text(path, text + "\n")
    print(f"written: {path}", flush=True)


def _rerun_flags(flags: ReproduceTableFlags, row: str) -> list[str]:
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
