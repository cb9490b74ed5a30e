"""Plain text of one model's record, or of a table beside the paper's."""

from collections.abc import Mapping

from igam_tf.core.bounds import Bounds
from igam_tf.core.command import shell_line
from igam_tf.evaluation import MODES
from igam_tf.evaluation.diagnostics import Diagnosis, diagnosis_text
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments import claims
from igam_tf.experiments.configs import Table
from igam_tf.experiments.reproduce import Result
from igam_tf.report.gather import document
from igam_tf.report.table_document import (
    STRONG,
    Document,
    Figure,
    PublishedFigure,
    Row,
    figure_of,
)

_MODE = max(map(len, MODES)) + 2


def record_text(record: EvalRecord, published: Mapping[str, float] | None = None) -> str:
    """The attacks' settings, then accuracy and 95 % interval by BatchNorm mode and attack.

    Args:
      published: by attack, the published accuracy of the challenge's secret model in percent.
    """
    lines = [
        f"n = {record.n}, pixels in {Bounds(*record.bounds)}, "
        f"batches of {record.batch_size}, seed {record.seed}"
    ]
    lines += [f"  {name}: {spec['shown']}" for name, spec in record.attacks.items()]
    lines += [f"  WARNING {doubt}" for doubt in record.doubts]
    width = max([20, *(len(name) + 2 for counts in record.results.values() for name in counts)])
    for mode, counts in record.results.items():
        lines.append(f"BatchNorm statistics: {mode}")
        for name, count in counts.items():
            figure = figure_of(count)
            line = f"  {name:<{width}}{percent(figure)} %  95 % interval {interval(figure)}"
            if count.never_fooled is not None:
                line += f"  never fooled {100 * count.never_fooled / count.n:5.1f}"
            if published is not None:
                line += f"  published for the secret model: {published.get(name, 'none')}"
            lines.append(line)
    if record.diagnosis is not None:
        lines.append(diagnosis_text(Diagnosis.from_dict(record.diagnosis)))
    return "\n".join(lines)


def robustbench_row(record: EvalRecord, dataset: str) -> str:
    """What a RobustBench row shows of a model: clean and AutoAttack accuracy, in one line.

    Args:
      record: an evaluation under one AutoAttack.
      dataset: its name.
    """
    *_, name = next(iter(record.results.values()))
    attack = next(iter(record.attacks.values()))
    share = attack["epsilon"] / Bounds(*record.bounds).range  # RobustBench has pixels in [0, 1]
    epsilon = f"{255 * share:g}/255" if attack["norm"] == "linf" else f"{share:g}"
    clean, robust = (100 * record.accuracy(each) for each in ("clean", name))
    return (
        f"RobustBench row: {dataset}, {attack['norm']}, eps {epsilon}, n = {record.n}: "
        f"standard accuracy {clean:.2f} %, AutoAttack robust accuracy {robust:.2f} %, "
        f"evaluation potentially unreliable: {'yes' if record.doubts else 'no'}"
    )


def table_text(table: Table, results: Mapping[str, Result]) -> str:
    """Our figure and 95 % interval by row, BatchNorm mode and column, and the paper's figure with
    the difference.
    """
    return document_text(document(table, results))


def document_text(document: Document) -> str:
    """The same text from a `Document`."""
    rows = document.rows
    width = max(map(len, [*(row.name for row in rows), ""])) + 2
    titles = "".join(f"{title:>16}" for title in document.columns.values())
    lines = [document.heading, *conditions(document), "", " " * (width + _MODE) + titles]
    for row in rows:
        lines += _row_lines(document, row, width)
    lines += [f"WARNING {row.name}: {doubt}" for row in rows for doubt in row.doubts]
    if strong := strong_words(document):
        lines += [
            "",
            f"{strong[0]};",
            f"{strong[1]}. Diagnostics on the same images "
            f"({shell_line('evaluate', '--diagnose')} explains each):",
        ]
        lines += [f"  {row.name}: {verdict(row)}" for row in rows if row.checks]
    if document.findings:
        lines += ["", "The paper's claims, on these figures:"]
        lines += [f"  {claims.finding_text(finding)}" for finding in document.findings]
    return "\n".join(lines)


def _row_lines(document: Document, row: Row, width: int) -> list[str]:
    if row.absent is not None:
        return [f"{row.name:<{width}}not run: {row.absent}"]
    lines = []
    for index, (mode, by_column) in enumerate(row.figures.items()):
        figures = [by_column[column] for column in document.columns if column in by_column]
        label = f"{row.name if index == 0 else '':<{width}}{mode:<{_MODE}}"
        lines.append(label + "".join(f"{percent(figure):>16}" for figure in figures))
        lines.append(" " * len(label) + "".join(f"{interval(figure):>16}" for figure in figures))
    if row.note:
        lines.append(f"{'':<{width}}{row.note}")
    if document.compares:
        columns = [column for column in document.columns if column != STRONG]
        cells = "".join(f"{beside(row.published.get(column)):>16}" for column in columns)
        lines.append(" " * width + f"{'paper':<{_MODE}}" + cells)
    return lines


def conditions(document: Document, place: str = "Below") -> list[str]:
    """Sentences that explain the figures; `place` is where their intervals stand."""
    scored = document.conditions
    if scored is None:
        return []
    lines = [
        f"Percent right of n = {scored.n} test images of {scored.dataset}; "
        f"{scored.norm}, eps {scored.epsilon_shown};",
        f"PGD: steps of {scored.step_size_shown}, random start, cross-entropy, judged at the last "
        f"step; seed {scored.seed}.",
        "moving, batch: BatchNorm's moving averages, or statistics of batches of "
        f"{scored.batch_size} (the release's way).",
        "recalibrated: moving averages re-estimated on clean training images.",
        f"{place} each figure its 95 % interval (over test images, not over training runs).",
    ]
    if document.compares:
        ours = f"ours ({document.compared})"
        lines.append(f"paper: published figure, and in parentheses {ours} minus it.")
    return lines


def strong_words(document: Document) -> tuple[str, str] | None:
    """Two lines that explain the column `strong`; None if no row has it."""
    record = next((row.strong_record for row in document.rows if row.strong_record), None)
    if record is None:
        return None
    queries = next((each["queries"] for each in record.attacks.values() if "queries" in each), 5000)
    square = "Square" if queries == 5000 else f"Square ({queries} queries, not 5000)"
    return (
        f"strong: APGD on cross-entropy, APGD on targeted DLR, {square}, each on what is left of "
        f"the first {record.n} images",
        "AutoAttack's line without FAB",
    )


def verdict(row: Row) -> str:
    """A row's diagnosis in one line."""
    if warnings := [f"{c.name} ({c.says})" for c in row.checks if c.verdict == "WARN"]:
        return f"WARN {'; '.join(warnings)}"
    return f"PASS ({sum(check.verdict == 'PASS' for check in row.checks)} checks)"


def percent(figure: Figure) -> str:
    return f"{figure.percent:.1f}"


def interval(figure: Figure) -> str:
    low, high = figure.interval
    return f"[{low:.1f}, {high:.1f}]"


def beside(published: PublishedFigure | None) -> str:
    return "-" if published is None else f"{published.percent:g} ({published.difference:+.1f})"
