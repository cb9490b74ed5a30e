"""Records as text: one model's, or a table's beside the paper's."""

import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from igam_tf import claims
from igam_tf.bounds import Bounds
from igam_tf.diagnostics import Diagnosis, diagnosis_text
from igam_tf.evaluation import MODES, Count, EvalRecord, Progress
from igam_tf.experiments.configs import Table
from igam_tf.experiments.reproduce import Result

_MODE = max(map(len, MODES)) + 2
_TITLES = {"clean": "Clean", "fgsm": "FGSM"}


def record_text(record: EvalRecord, published: Mapping[str, float] | None = None) -> str:
    """Attack specs, then accuracy, interval and the never-fooled share per BatchNorm mode and attack.

    `published`: percent by attack, of the challenge's secret model, to stand beside ours.
    """
    lines = [f"n = {record.n}, pixels in {Bounds(*record.bounds)}, batches of {record.batch_size}, seed {record.seed}"]
    lines += [f"  {name}: {spec['shown']}" for name, spec in record.attacks.items()]
    lines += [f"  WARNING {doubt}" for doubt in record.doubts]
    for mode, counts in record.results.items():
        lines.append(f"BatchNorm statistics: {mode}")
        for name, count in counts.items():
            never = "" if count.never_fooled is None else f"  never fooled {100 * count.never_fooled / count.n:5.1f}"
            beside = "" if published is None else f"  published for the secret model: {published.get(name, 'none')}"
            lines.append(f"  {name:<20}{_percent(count)} %  95 % interval {_interval(count)}{never}{beside}")
    if record.diagnosis is not None:
        lines.append(diagnosis_text(Diagnosis.from_dict(record.diagnosis)))
    return "\n".join(lines)


def table_text(table: Table, results: dict[str, Result]) -> str:
    """Ours, the 95 % interval, the paper's figure and the difference, for each row, column and BatchNorm mode."""
    columns = ["clean", *table.scoring.attacks]
    records = [result.record for result in results.values() if result.record]
    lines = [f"Table {table.name}: {table.title}", *_conditions(table, records), ""]
    width = max(map(len, [*results, ""])) + 2
    strong = {name: result.strong for name, result in results.items() if result.strong}
    titles = [*map(_title, columns), *(["strong"] if strong else [])]
    lines.append(" " * (width + _MODE) + "".join(f"{title:>16}" for title in titles))
    for name, result in results.items():
        if result.record is None:
            lines.append(f"{name:<{width}}not run: {result.note}")
            continue
        for index, (mode, counts) in enumerate(result.record.results.items()):
            cells = [counts[column] for column in columns]
            if result.strong and mode in result.strong.results:
                cells.append(result.strong.count("strong", mode))
            label = name if index == 0 else ""
            lines.append(f"{label:<{width}}{mode:<{_MODE}}" + "".join(f"{_percent(cell):>16}" for cell in cells))
            lines.append(" " * (width + _MODE) + "".join(f"{_interval(cell):>16}" for cell in cells))
        if result.note:
            lines.append(f"{'':<{width}}{result.note}")
        if not table.published:
            continue
        published = table.published.get(name, {})
        compared = result.record.results[_compared(result.record)]
        lines.append(
            " " * width
            + f"{'paper':<{_MODE}}"
            + "".join(f"{_beside(published.get(column), compared[column]):>16}" for column in columns)
        )
    return "\n".join([*lines, *_strong_lines(strong), *_claim_lines(table, results)])


def _strong_lines(strong: Mapping[str, EvalRecord]) -> list[str]:
    """What the strong column is, and what the diagnostics say of each row."""
    if not strong:
        return []
    record = next(iter(strong.values()))
    lines = [
        "",
        f"strong: APGD on cross-entropy, APGD on targeted DLR, Square, each on what is left of the first {record.n} images;",
        "AutoAttack's line without FAB. Diagnostics on the same images (bin/evaluate --diagnose explains each):",
    ]
    for name, record in strong.items():
        if record.diagnosis is not None:
            found = Diagnosis.from_dict(record.diagnosis)
            asked = [check.name for check in found.checks if check.verdict == "PASS"]
            warned = "; ".join(f"{check.name} ({check.says})" for check in found.warnings)
            lines.append(f"  {name}: " + (f"WARN {warned}" if warned else f"PASS ({len(asked)} checks)"))
    return lines


def _claim_lines(table: Table, results: Mapping[str, Result]) -> list[str]:
    """The paper's claims on our figures, in the mode that stands against the paper's."""

    def figure(row: str, column: str) -> float | None:
        record = results[row].record if row in results else None
        if record is None or column not in record.results[_compared(record)]:
            return None
        return 100 * record.accuracy(column, _compared(record))

    found = [claims.find(claim, figure) for claim in claims.of_table(table.name)]
    return (
        ["", "The paper's claims, on these figures:", *(f"  {claims.finding_text(each)}" for each in found)]
        if found
        else []
    )


def _conditions(table: Table, records: list[EvalRecord]) -> list[str]:
    if not records:
        return []
    record = records[0]
    bounds = Bounds(*record.bounds)
    epsilon = bounds.describe(bounds.amount(table.scoring.epsilon))
    step = bounds.describe(bounds.amount(table.scoring.step_size, "step_size"))
    return [
        f"Percent right of n = {record.n} test images of {table.scoring.dataset}; linf, eps {epsilon};",
        f"PGD: steps of {step}, random start, cross-entropy, judged at the last step; seed {record.seed}.",
        f"moving, batch: BatchNorm's moving averages, or statistics of batches of {record.batch_size} (the release's way).",
        "recalibrated: moving averages re-estimated on clean training images.",
        "Below each figure its 95 % interval (over test images, not over training runs).",
        *(
            [f"paper: published figure, and in parentheses ours ({_compared(record)}) minus it."]
            if table.published
            else []
        ),
    ]


def progress(label: str) -> Progress | None:
    """A line on standard error that counts examples, for terminals only."""
    if not sys.stderr.isatty():
        return None

    def show(mode: str, done: int, total: int, accuracy: float) -> None:
        end = "\n" if done == total else ""
        print(f"\r{label} ({mode}): {done}/{total}, {100 * accuracy:.1f} %", end=end, file=sys.stderr, flush=True)

    return show


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a compressed .npz file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as stream:
        np.savez_compressed(stream, **dict[str, Any](arrays))
    os.replace(temporary, path)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def _compared(record: EvalRecord) -> str:
    """The BatchNorm mode that stands against the paper: moving averages where they were scored."""
    return "moving" if "moving" in record.results else next(iter(record.results))


def _title(column: str) -> str:
    return _TITLES.get(column, column.upper())


def _percent(count: Count) -> str:
    return f"{100 * count.accuracy:.1f}"


def _interval(count: Count) -> str:
    low, high = count.interval
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def _beside(published: float | None, count: Count) -> str:
    if published is None:
        return "-"
    return f"{published:g} ({100 * count.accuracy - published:+.1f})"
