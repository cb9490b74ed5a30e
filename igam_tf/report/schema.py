"""The report as JSON. `docs/reports.md` describes every field.

    {"schema": "igam_tf.report", "version": 2, "tables": [Document, ...],
     "summary": Summary or null}

The fields are those of the dataclasses in `igam_tf.report.table_document`,
`igam_tf.evaluation.records`, `igam_tf.experiments.claims` and `igam_tf.experiments.summary`. A
version may gain fields. A field that disappears or changes its meaning raises the version.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import Any

from igam_tf.experiments.summary import Summary
from igam_tf.report.table_document import Document

SCHEMA, VERSION = "igam_tf.report", 2


def report_json(documents: Sequence[Document], summary: Summary | None = None) -> str:
    """All documents, with every record. NaN and infinity become null."""
    content = {
        "schema": SCHEMA,
        "version": VERSION,
        "tables": [dataclasses.asdict(document) for document in documents],
        "summary": dataclasses.asdict(summary) if summary else None,
    }
    return json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
