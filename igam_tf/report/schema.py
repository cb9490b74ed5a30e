"""The report as JSON: a stable shape with a version, of which `docs/reports.md` says what every
field is.

    {"schema": "igam_tf.report", "version": 1, "tables": [Document, ...], "summary": Summary or
    null}

Fields are those of the dataclasses in `igam_tf.report.table_document`,
`igam_tf.evaluation.records`, `igam_tf.experiments.claims` and `igam_tf.experiments.summary`. Fields
may be added within a version; a field that goes or changes its meaning raises it.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import Any

from igam_tf.experiments.summary import Summary
from igam_tf.report.table_document import Document

SCHEMA, VERSION = "igam_tf.report", 1


def report_json(documents: Sequence[Document], summary: Summary | None = None) -> str:
    """Everything, every record included; numbers that are not finite become null."""
    tables = [dataclasses.asdict(document) for document in documents]
    content = {
        "schema": SCHEMA,
        "version": VERSION,
        "tables": tables,
        "summary": dataclasses.asdict(summary) if summary else None,
    }
    return json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
