"""reproduce_table: reproduces a table of the paper, and prints it beside the paper's numbers.

It trains the rows that are missing, continues interrupted ones and reuses finished ones.

  # The demo on embedded data, in minutes:
  reproduce_table --table=1
  # MNIST to CIFAR-10 with narrow networks, in hours on two cores:
  reproduce_table --table=1 --preset=cpu
  # What the paper's sizes would take, and which data is missing:
  reproduce_table --table=2 --preset=paper --dry_run
  # Every row in three steps, before days are spent on the table:
  reproduce_table --table=2 --preset=paper --rehearse
  # A released student, scored without any training:
  reproduce_table --table=2 --preset=paper --rows=IGAM-Upsize \\
      --weights=IGAM-Upsize=modelIGAM-Upsize:igam_student
  # Keep all records and configurations in one file, and print a table from such a file:
  reproduce_table --table=2 --save_study=mine.json
  reproduce_table --from=results/controls-cpu.json --table=controls
"""

import dataclasses
import functools
import pathlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from igam_tf.cli import shared, studies
from igam_tf.core.command import Command
from igam_tf.core.errors import FailedError, InputError
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
            "A table of the paper (1 to 5), the rows of its Figure 5, or a study of our own "
            "(docs/tables.md, docs/protocols.md): one of "
            f"{', '.join(tables.TABLES)}; 1 by default. "
            "With --from, one of its tables; all by default.",
        ),
    ] = None
    study: studies.From = None
    preset: shared.Preset = "demo"
    teacher: Annotated[
        str | None,
        Setting(f"Use this robust source model instead of training one: {shared.MODEL}."),
    ] = None
    weights: Annotated[
        tuple[str, ...],
        Setting(
            f"ROW=PATH or ROW=PATH:KIND: score PATH as that row, without training. PATH is "
            f"{shared.MODEL}; KIND chooses one of its networks. Can be repeated.",
            repeated=True,
        ),
    ] = ()
    statistics: Annotated[
        tuple[str, ...],
        Setting(
            "BatchNorm modes, by default the preset's. recalibrated: moving averages estimated "
            "again on clean training images.",
            choices=MODES,
        ),
    ] = ()
    rows: shared.Rows = ()
    num_examples: Annotated[
        int | None, Setting("Test images per row; by default the preset's.", at_least=1)
    ] = None
    seed: Annotated[
        tuple[int, ...] | None,
        Setting(
            "Seed of everything random. Several seeds also give means. By default 0, or all seeds "
            "of --from."
        ),
    ] = None
    format: Annotated[
        str,
        Setting(
            "Also write the table as Markdown, as JSON with every record, or as one HTML page with "
            "pictures. The text is always printed and saved.",
            choices=REPORT_FORMATS,
        ),
    ] = "text"
    output: Annotated[
        pathlib.Path | None,
        Setting("The file of --format; by default it is beside the text in --runs_dir."),
    ] = None
    save_study: studies.SaveStudy = None
    list: Annotated[bool, Setting("Only print the rows and the state of each.")] = False
    dry_run: Annotated[
        bool,
        Setting("Only print the cost (images, gradients, hours) of every step, and the data."),
    ] = False
    devices: Annotated[
        tuple[int, ...],
        Setting("With --dry_run, predict the time of an epoch on so many devices.", at_least=1),
    ] = ()
    rehearse: Annotated[
        bool,
        Setting(
            "Only try every row in 3 steps, on 16 training and 4 test images, in a temporary "
            "folder of --runs_dir. Exit code 1 if a row fails or its data is missing."
        ),
    ] = False
    width: Annotated[
        int | None,
        Setting(
            "With --rehearse, the width of all wide networks; by default the preset's.", at_least=1
        ),
    ] = None
    precision: Annotated[str, Setting("Precision of the trained networks.", choices=PRECISIONS)] = (
        "float32"
    )
    jobs: Annotated[
        int,
        Setting(
            "Rows that are trained and scored at a time, each in its own process with a gigabyte "
            "of memory and more. Figures do not depend on it.",
            at_least=1,
        ),
    ] = 1
    options: Options = Options()


# Flags that have an effect beside --rehearse.
_REHEARSAL = (
    "table",
    "preset",
    "teacher",
    "weights",
    "rows",
    "seed",
    "rehearse",
    "width",
    "precision",
    "options",
)
COMMAND = Command("reproduce_table", __doc__, ReproduceTableFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: ReproduceTableFlags) -> None:
    if flags.study is not None:
        _show(flags, flags.study)
        return
    name, seeds = flags.table or "1", (0,) if flags.seed is None else flags.seed
    tables.require_name(name)
    if flags.devices and not flags.dry_run:
        raise InputError("devices: needs --dry_run, which predicts times")
    if flags.width is not None and not flags.rehearse:
        raise InputError("width: needs --rehearse; the rows' networks are the preset's")
    if flags.rehearse:
        studies.require_usable(flags, _REHEARSAL, "not with --rehearse, which keeps nothing")
    others = ", ".join(preset for preset in PRESETS if preset != flags.preset)
    print(f"Table {name}, preset {flags.preset} (others: {others}; --preset)", flush=True)
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
    weights = dict(map(_row_weights, flags.weights))
    if flags.rehearse:
        _rehearse(flags, declared, weights)
    elif flags.list or flags.dry_run:
        _plan(flags, declared, weights)
    else:
        _reproduce(flags, declared, weights)


def _reproduce(
    flags: ReproduceTableFlags,
    declared: Mapping[int, configs.Table],
    weights: Mapping[str, configs.Weights],
) -> None:
    from igam_tf import report
    from igam_tf.experiments import jobs, reproduce, summary

    options, seeds, first = flags.options, tuple(declared), next(iter(declared.values()))
    selection = (flags.rows, flags.num_examples, flags.statistics, weights)
    study = studies.study_for(flags.save_study, first) if flags.save_study else None
    name = f"{'table' if first.name.isdigit() else ''}{first.name}-{flags.preset}"
    name += f"-{flags.precision}" if flags.precision != "float32" else ""
    numbered = f"{name}-seed{'s' if len(seeds) > 1 else ''}{'-'.join(map(str, seeds))}"
    results, texts = {}, {}
    results_of: Callable[..., dict[str, reproduce.Result]] = reproduce.reproduce
    if flags.jobs > 1:
        results_of = functools.partial(jobs.reproduce_in_processes, flags.jobs)
    for seed, table in declared.items():
        results[seed] = results_of(table, options, *selection, report.progress)
        texts[f"{name}-seed{seed}"] = text = report.table_text(table, results[seed])
        _publish(text, options.runs_dir / f"{name}-seed{seed}.txt")
    if len(seeds) > 1:
        texts[numbered] = text = summary.summary_text(first, results)
        _publish(text, options.runs_dir / f"{numbered}.txt")
    reruns = {row: _rerun_flags(flags, row) for row in first.rows}
    if flags.output or flags.format != "text":
        from igam_tf.report import publish

        path = flags.output or options.runs_dir / f"{numbered}.{flags.format}"
        _write(path, publish.rendered(declared, results, reruns, weights, options, flags.format))
    if flags.save_study and study:
        scored = {seed: reproduce.adjusted(declared[seed], *selection) for seed in seeds}
        studies.save(study, flags.save_study, scored, results, reruns, texts, options)
        print(f"written: {flags.save_study}", flush=True)


def _rehearse(
    flags: ReproduceTableFlags,
    declared: Mapping[int, configs.Table],
    weights: Mapping[str, configs.Weights],
) -> None:
    """Tries the rows of every seed.

    Raises:
      FailedError: not all of them passed.
    """
    from igam_tf.experiments import rehearsal

    options = dataclasses.replace(flags.options, log=functools.partial(print, flush=True))
    began = time.monotonic()
    outcomes = []
    for seed, table in declared.items():
        if len(declared) > 1:
            print(f"Seed {seed}", flush=True)
        outcomes += rehearsal.rehearse(table, options, flags.rows, weights, flags.width)
    states = [outcome.state for outcome in outcomes if outcome.counts]
    passed, seconds = states.count("passed"), time.monotonic() - began
    print(f"{passed} of {len(states)} rows passed in {seconds:.0f} s", flush=True)
    if passed < len(states):
        raise FailedError(f"rehearse: {len(states) - passed} of {len(states)} rows did not pass")


def _show(flags: ReproduceTableFlags, path: pathlib.Path) -> None:
    """Prints the tables of a study, or writes them to --output."""
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
        _write(flags.output, text)


def _require_seeds(seeds: Sequence[int]) -> None:
    if not seeds or len(set(seeds)) < len(seeds):
        text = ",".join(map(str, seeds))
        raise InputError(f"seed: expected one or more different numbers, got {text!r}")


def _plan(
    flags: ReproduceTableFlags,
    declared: Mapping[int, configs.Table],
    weights: Mapping[str, configs.Weights],
) -> None:
    """Prints the state or the cost of every step, for each seed."""
    from igam_tf.experiments import plan, reproduce
    from igam_tf.report import plans

    seconds_per_pass = functools.cache(plan.seconds_per_pass)  # seeds share networks
    selection = (flags.rows, flags.num_examples, flags.statistics, weights)
    for seed in declared:
        table = reproduce.adjusted(declared[seed], *selection)
        steps = plan.plan(table, flags.options, flags.rows, weights)
        if flags.list:
            text = plans.list_text(table, steps)
        else:
            text = plans.plan_text(table, steps, seconds_per_pass)
            if flags.devices:
                predicted = plans.devices_text(
                    steps, flags.devices, seconds_per_pass, plan.reduced_bytes
                )
                text = f"{text}\n\n{predicted}"
        print(f"Seed {seed}\n{text}", flush=True)


def _publish(text: str, path: pathlib.Path) -> None:
    print(text)
    _write(path, text + "\n")


def _write(path: pathlib.Path, text: str) -> None:
    from igam_tf.core import files

    files.write_text(path, text)
    print(f"written: {path}", flush=True)


def _rerun_flags(flags: ReproduceTableFlags, row: str) -> list[str]:
    """The flags that change a row's figures, other than table, preset and seed."""
    rerun = [f"--teacher={flags.teacher}"] if flags.teacher else []
    rerun += [f"--weights={each}" for each in flags.weights if each.partition("=")[0] == row]
    rerun += [f"--statistics={','.join(flags.statistics)}"] if flags.statistics else []
    rerun += [f"--num_examples={flags.num_examples}"] if flags.num_examples else []
    rerun += [f"--precision={flags.precision}"] if flags.precision != "float32" else []
    return [*rerun, *(["--deterministic"] if flags.options.deterministic else [])]


def _row_weights(text: str) -> tuple[str, configs.Weights]:
    from igam_tf.experiments import trained
    from madry_checkpoints.kinds import KINDS

    row, separator, place = text.partition("=")
    if not separator:
        raise InputError(f"weights: expected ROW=PATH, got {text!r}")
    path, _, kind = place.rpartition(":") if place.rpartition(":")[2] in KINDS else (place, "", "")
    return row, trained.weights(path, kind or None)


if __name__ == "__main__":
    sys.exit(main())
