"""The page in a browser: it fits a phone, sends no request and shows its pictures."""

import dataclasses
import html
import json
import pathlib
import re
import shutil
import subprocess
from typing import Any

import pytest

from igam_tf import report
from igam_tf.experiments import summary
from igam_tf.report.table_document import ClassFigures

from . import samples

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None, reason="needs chromium, chromium-browser or google-chrome on the PATH"
    ),
]
# The page in a frame of the tested width: a browser's own window cannot be below 500 pixels.
WRAPPER = """<!DOCTYPE html><body>
<iframe style="width:{width}px;height:2000px;border:0" srcdoc="{page}"></iframe><script>
addEventListener("load", () => {{
  const frame = document.querySelector("iframe");
  const inside = frame.contentDocument, root = inside.documentElement;
  const wide = [...inside.querySelectorAll("body *")].filter(
    (e) => !e.closest(".scroll, pre") && e.getBoundingClientRect().right > {width} + 1);
  document.documentElement.dataset.measured = JSON.stringify({{
    width: frame.contentWindow.innerWidth,
    scrolled: root.scrollWidth,
    wide: wide.map((e) => e.tagName + "." + e.className),
    loaded: frame.contentWindow.performance.getEntriesByType("resource").map((e) => e.name),
    pictures: [...inside.images].map((e) => e.naturalWidth),
    font: getComputedStyle(inside.body).fontSize,
    ran: "onloaded" in root.dataset,
  }});
}});
</script></body>"""


def measured(page: str, width: int, where: pathlib.Path) -> dict[str, Any]:
    file = where / "wrapper.html"
    file.write_text(WRAPPER.format(width=width, page=html.escape(page)))
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1400,900",
        f"--user-data-dir={where}/user",
    ]
    line = [BROWSER, *options, "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", file.as_uri()]
    dom = subprocess.run(line, capture_output=True, text=True, check=True, timeout=120).stdout
    (attribute,) = re.findall(r'data-measured="([^"]*)"', dom)
    values: dict[str, Any] = json.loads(html.unescape(attribute))
    return values


def pages() -> dict[str, str]:
    by_seed = samples.by_seed()
    documents = [report.document(samples.TABLE, results, seed) for seed, results in by_seed.items()]
    pictures = dict.fromkeys(by_seed, samples.PICTURES)
    means = summary.summarise(samples.TABLE, by_seed)
    several = report.report_html(documents, means, pictures)
    one = report.report_html([documents[0]], None, pictures)
    row = documents[0].rows[0]
    classes = (ClassFigures("a long name of a class" * 3, 4, row.figures),) * 3
    rows = (dataclasses.replace(row, classes=classes),)
    classified = dataclasses.replace(documents[0], name="", preset="", rows=rows)
    return {
        "one": one,
        "several": several,
        "unfolded": one.replace("<details>", "<details open>"),
        "model": report.report_html([classified], None, pictures),
    }


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", ["one", "several", "unfolded", "model"])
def test_the_page_fits(kind: str, width: int, tmp_path: pathlib.Path) -> None:
    page = measured(pages()[kind], width, tmp_path)
    assert page["width"] == width
    assert page["scrolled"] <= width
    assert page["wide"] == []
    assert page["loaded"] == []
    assert set(page["pictures"]) == {1040, 2200}
    assert page["font"] == "16px"


def test_the_measurements_notice_a_wide_or_active_page(tmp_path: pathlib.Path) -> None:
    """One page is too wide. Another has a script and a foreign picture, which its policy blocks."""
    page = pages()["one"]
    wide = measured(
        page.replace("<main>", '<main><p class="odd" style="width:700px">x</p>'), 390, tmp_path
    )
    assert wide["scrolled"] > 390
    assert wide["wide"] == ["P.odd"]
    script = "<script>document.documentElement.dataset.onloaded = 1</script>"
    foreign = f'<main><img src="http://example.org/x.png">{script}'
    page = page.replace("<main>", foreign)
    refused = measured(page, 390, tmp_path)
    assert refused["ran"] is False
    assert refused["pictures"][0] == 0
    assert measured(page.replace("Content-Security-Policy", "none"), 390, tmp_path)["ran"] is True
