"""The report as one HTML page: style and pictures are inside it, and it has no script.

`page` prepares plain data; the Jinja templates in `templates/` lay it out and escape it.
"""

from igam_tf.report.html.page import report_html
from igam_tf.report.html.picture import Picture

__all__ = ["Picture", "report_html"]
