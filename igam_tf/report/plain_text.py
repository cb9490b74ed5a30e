"""Records as text: one model's, or a table's beside the paper's."""

from collections.abc import Mapping

from igam_tf.core.bounds import Bounds
from igam_tf.evaluation import MODES
from igam_tf.evaluation.diagnostics import Diagnosis, diagnosis_text
from igam_tf.evaluation.records import Count, EvalRecord
from igam_tf.experiments import claims
from igam_tf.experiments.configs import Table
from igam_tf.experiments.reproduce import Result
from igam_tf.report.table_document import STRONG, Document, Figure, PublishedFigure, Row, document

_MODE = max(map(len, MODES)) + 2


def record_text(record: EvalRecord, published: Mapping[str, float] | None = None) -> str:
    """Attack specs, then accuracy, interval and the never-fooled share per BatchNorm mode and
    attack.

    `published`: percent by attack, of the challenge's secret model, to stand beside ours.
    """
    lines = [
        f"n = {record.n}, pixels in {Bounds(*record.bounds)}, batches of {record.batch_size}, seed {record.seed}"
    ]
    lines += [f"  {name}: {spec['shown']}" for name, spec in record.attacks.items()]
    lines += [f"  WARNING {doubt}" for doubt in record.doubts]
    width = max([20, *(len(name) + 2 for counts in record.results.values() for name in counts)])
    for mode, counts in record.results.items():
        lines.append(f"BatchNorm statistics: {mode}")
        for name, count in counts.items():
            never = (
                ""
                if count.never_fooled is None
                else f"  never fooled {100 * count.never_fooled / count.n:5.1f}"
            )
            beside = (
                ""
                if published is None
                else f"  published for the secret model: {published.get(name, 'none')}"
            )
            accuracy = f"{_share(count)} %  95 % interval {_share_interval(count)}"
            lines.append(f"  {name:<{width}}{accuracy}{never}{beside}")
    if record.diagnosis is not None:
        lines.append(diagnosis_text(Diagnosis.from_dict(record.diagnosis)))
    return "\n".join(lines)


def table_text(table: Table, results: Mapping[str, Result]) -> str:
    """Ours, the 95 % interval, the paper's figure and the difference, for each row, column and
    BatchNorm mode.
    """
    return document_text(document(table, results))


def document_text(made: Document) -> str:
    """As `table_text`, of a table's data."""
    width = max(map(len, [*(row.name for row in made.rows), ""])) + 2
    lines = [made.heading, *conditions(made), ""]
    lines.append(" " * (width + _MODE) + "".join(f"{title:>16}" for title in made.columns.values()))
    for row in made.rows:
        lines += _row_lines(made, row, width)
    lines += [f"WARNING {row.name}: {doubt}" for row in made.rows for doubt in row.doubts]
    if strong := strong_words(made):
        lines += [
            "",
            f"{strong[0]};",
            f"{strong[1]}. Diagnostics on the same images (bin/evaluate --diagnose explains each):",
        ]
        lines += [f"  {row.name}: {verdict(row)}" for row in made.rows if row.checks]
    if made.findings:
        lines += ["", "The paper's claims, on these figures:"]
        lines += [f"  {claims.finding_text(finding)}" for finding in made.findings]
    return "\n".join(lines)


def _row_lines(made: Document, row: Row, width: int) -> list[str]:
    if row.absent is not None:
        return [f"{row.name:<{width}}not run: {row.absent}"]
    lines = []
    for index, (mode, figures) in enumerate(row.figures.items()):
        found = [figures[column] for column in made.columns if column in figures]
        label = row.name if index == 0 else ""
        lines.append(
            f"{label:<{width}}{mode:<{_MODE}}" + "".join(f"{percent(each):>16}" for each in found)
        )
        lines.append(" " * (width + _MODE) + "".join(f"{interval(each):>16}" for each in found))
    if row.note:
        lines.append(f"{'':<{width}}{row.note}")
    if made.compares:
        columns = [column for column in made.columns if column != STRONG]
        cells = "".join(f"{beside(row.published.get(column)):>16}" for column in columns)
        lines.append(" " * width + f"{'paper':<{_MODE}}" + cells)
    return lines


def conditions(made: Document, place: str = "Below") -> list[str]:
    """What the figures are, in lines; `place` is where intervals stand."""
    asked = made.conditions
    if asked is None:
        return []
    lines = [
        f"Percent right of n = {asked.n} test images of {asked.dataset}; {asked.norm}, eps {asked.epsilon_shown};",
        f"PGD: steps of {asked.step_size_shown}, random start, cross-entropy, judged at the last step; seed {asked.seed}.",
        f"moving, batch: BatchNorm's moving averages, or statistics of batches of {asked.batch_size} (the release's way).",
        "recalibrated: moving averages re-estimated on clean training images.",
        f"{place} each figure its 95 % interval (over test images, not over training runs).",
    ]
    if made.compares:
        lines.append(
            f"paper: published figure, and in parentheses ours ({made.compared}) minus it."
        )
    return lines


def strong_words(made: Document) -> tuple[str, str] | None:
    """What the column `strong` is, in two lines."""
    n = next((row.strong.n for row in made.rows if row.strong), None)
    if n is None:
        return None
    return (
        f"strong: APGD on cross-entropy, APGD on targeted DLR, Square, each on what is left of the first {n} images",
        "AutoAttack's line without FAB",
    )


def verdict(row: Row) -> str:
    """A row's diagnosis in one line."""
    warned = "; ".join(
        f"{check.name} ({check.says})" for check in row.checks if check.verdict == "WARN"
    )
    passed = sum(check.verdict == "PASS" for check in row.checks)
    return f"WARN {warned}" if warned else f"PASS ({passed} checks)"


def percent(figure: Figure) -> str:
    return f"{figure.percent:.1f}"


def interval(figure: Figure) -> str:
    low, high = figure.interval
    return f"[{low:.1f}, {high:.1f}]"


def beside(published: PublishedFigure | None) -> str:
    return "-" if published is None else f"{published.percent:g} ({published.difference:+.1f})"


def _share(count: Count) -> str:
    return f"{100 * count.accuracy:.1f}"


def _share_interval(count: Count) -> str:
    low, high = count.interval
    return f"[{100 * low:.1f}, {100 * high:.1f}]"
