"""What is there to be looked up: diagnostics with their evidence, and each row's command, configuration and counts."""

import json
import re
import shlex
from typing import Any

from igam_tf.records import EvalRecord
from igam_tf.report.data import STRONG, Document, Row
from igam_tf.report.html.markup import EMPTY, Markup, element, folded, heads, joined, table

_MEASURES = {"alignment": "median alignment (Eq. 18)", "linearised_robustness": "linearised robustness (Eq. 18)"}


def diagnostics(made: Document) -> Markup:
    """Verdicts by check and row; the evidence behind each is folded away."""
    rows = [row for row in made.rows if row.checks]
    if not rows:
        return EMPTY
    checks = {(check.name, row.name): check for row in rows for check in row.checks}
    lines, evidence = [], []
    for name in dict.fromkeys(name for name, _ in checks):
        cells = [_verdict(checks[name, row.name].verdict) if (name, row.name) in checks else "" for row in rows]
        lines.append(_line(name, *cells))
        for row in rows:
            if check := checks.get((name, row.name)):
                said = check.says if check.verdict != "WARN" else f"{check.says}. {check.meaning}"
                evidence.append(
                    _line(name, row.name, _verdict(check.verdict), element("span", said, class_="sentence"))
                )
    for measure, title in _MEASURES.items():
        lines.append(_line(title, *(_number(_diagnosed(row, "measures").get(measure)) for row in rows)))
    asked = _diagnosed(rows[0], "settings")
    words = (
        f"PGD of {asked['steps']} steps on {asked['n']} images; a difference counts if its chance is below "
        f"{asked['level']:g}. PASS: the check found nothing, which proves no robustness. WARN: it did, see the warnings. "
        "SKIP: not asked."
    )
    verdicts = table(
        "Checks for masked gradients", heads("Check", *(row.name for row in rows)), element("tbody", *lines)
    )
    found = table("Evidence of every check", heads("Check", "Row", "Verdict", "Found"), element("tbody", *evidence))
    return joined(element("p", words, class_="soft"), verdicts, folded("Evidence", found))


def row(made: Document, of: Row, level: int) -> Markup:
    """How to make a row again, what it was configured as, and every count that was taken."""
    anchor = f"row-{made.seed}-{made.rows.index(of)}"
    shown = [element(f"h{level}", of.name, id=anchor), element("pre", _command(of), class_="wrap")]
    facts = {"Not run" if of.absent is not None else "Note": of.note, "Run directory": of.directory}
    items = [
        element(tag, words) for title, said in facts.items() if said for tag, words in (("dt", title), ("dd", said))
    ]
    if items:
        shown.append(element("dl", *items))
    if of.config is not None:
        shown.append(folded("Configuration", element("pre", element("code", _indented(of.config)))))
    lines = [line for record in (of.record, of.strong) if record for line in _counts(record)]
    if lines:
        head = heads("Attack", "BatchNorm", "Right at its end", "Never fooled", "Images", "Settings")
        counts = table(f"{of.name}: every count", head, element("tbody", *lines))
        shown.append(folded("Attacks and counts", counts))
    return element("article", *shown, aria_labelledby=anchor)


def _indented(config: dict[str, Any]) -> str:
    """A configuration as JSON, lists of plain values on one line."""
    text = json.dumps(config, indent=2)
    return re.sub(
        r"\[\n[^][{}]*\]", lambda found: re.sub(r"\n\s*", " ", found[0]).replace("[ ", "[").replace(" ]", "]"), text
    )


def _command(of: Row) -> Markup:
    """Its arguments in one piece each, so that a narrow page breaks the line between them."""
    first, *rest = (element("span", shlex.quote(argument)) for argument in shlex.split(of.command))
    return element("code", first, *(part for argument in rest for part in (" ", argument)))


def _counts(record: EvalRecord) -> list[Markup]:
    lines = []
    for mode, counts in record.results.items():
        for name, count in counts.items():
            settings = _settings(record, name)
            never = "" if count.never_fooled is None else str(count.never_fooled)
            lines.append(
                _line(name, mode, str(count.correct), never, str(count.n), element("span", settings, class_="sentence"))
            )
    return lines


def _settings(record: EvalRecord, name: str) -> str:
    """What the attack behind a count does; a chain's counts are named by their stages, the last one by the chain."""
    if name == STRONG and record.attacks:
        return "; then ".join(f"{stage}: {spec['shown']}" for stage, spec in record.attacks.items())
    return str(record.attacks.get(name.removeprefix(f"{STRONG}: "), {}).get("shown", ""))


def _line(head: str, *cells: str) -> Markup:
    return element("tr", element("th", head, scope="row"), *(element("td", cell) for cell in cells))


def _verdict(verdict: str) -> Markup:
    return element("span", verdict, class_=f"verdict {verdict}")


def _diagnosed(row: Row, part: str) -> dict[str, Any]:
    return dict(row.strong.diagnosis[part]) if row.strong and row.strong.diagnosis else {}


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
