"""The report as one HTML page that asks nothing of the network: style and pictures are inside it, and there is no script.

`page` puts it together, `figures` makes what everybody reads, `details` what is there to be looked up, `markup` the elements.
"""

from igam_tf.report.html.page import report_html
from igam_tf.report.html.pictures import Picture

__all__ = ["Picture", "report_html"]
