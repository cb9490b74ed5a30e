"""Reports: one model's record, or a reproduced table beside the paper's, as text, Markdown, JSON or
one HTML page.

`gather` collects in a `table_document` what all formats show. `plain_text`, `markdown`, `schema`
(JSON) and `html` only lay it out, and `illustrations` draws the pictures of the HTML page::

    results = reproduce.reproduce(table, options)
    print(report.table_text(table, results))
    page = report.report_html([report.document(table, results)])
"""

from igam_tf.report.gather import document
from igam_tf.report.html import Picture, report_html
from igam_tf.report.markdown import report_markdown
from igam_tf.report.plain_text import document_text, record_text, robustbench_row, table_text
from igam_tf.report.progress import progress
from igam_tf.report.schema import report_json
from igam_tf.report.table_document import Document

__all__ = [
    "Document",
    "Picture",
    "document",
    "document_text",
    "progress",
    "record_text",
    "report_html",
    "report_json",
    "report_markdown",
    "robustbench_row",
    "table_text",
]
