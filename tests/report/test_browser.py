"""The page in a browser: nothing wider than a phone, nothing asked of the network, everything
painted.
"""

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
# The page in a frame of the width in question, for a browser's own window does not go below 500
# pixels.
WRAPPER = """<!DOCTYPE html><body><iframe style="width:{width}px;height:2000px;border:0" srcdoc="{page}"></iframe><script>
addEventListener("load", () => {{
  const frame = document.querySelector("iframe"), inside = frame.contentDocument, root = inside.documentElement;
  const wide = [...inside.querySelectorAll("body *")].filter(
    (e) => !e.closest(".scroll, pre") && e.getBoundingClientRect().right > {width} + 1);
  document.documentElement.dataset.found = JSON.stringify({{
    width: frame.contentWindow.innerWidth,
    needed: root.scrollWidth,
    wide: wide.map((e) => e.tagName + "." + e.className),
    loaded: frame.contentWindow.performance.getEntriesByType("resource").map((e) => e.name),
    pictures: [...inside.images].map((e) => e.naturalWidth),
    font: getComputedStyle(inside.body).fontSize,
    ran: "onloaded" in root.dataset,
  }});
}});
</script></body>"""


def looked_at(page: str, width: int, where: pathlib.Path) -> dict[str, Any]:
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
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=120)
    (found,) = re.findall(r'data-found="([^"]*)"', done.stdout)
    read: dict[str, Any] = json.loads(html.unescape(found))
    return read


def pages() -> dict[str, str]:
    found = samples.by_seed()
    documents = {
        seed: report.document(samples.TABLE, results, seed) for seed, results in found.items()
    }
    drawn = dict.fromkeys(found, samples.PICTURES)
    several = report.report_html(
        [*documents.values()], summary.summarise(samples.TABLE, found), drawn
    )
    one = report.report_html([documents[0]], None, drawn)
    return {"one": one, "several": several, "unfolded": one.replace("<details>", "<details open>")}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", ["one", "several", "unfolded"])
def test_the_page_fits(kind: str, width: int, tmp_path: pathlib.Path) -> None:
    found = looked_at(pages()[kind], width, tmp_path)
    assert found["width"] == width
    assert found["needed"] <= width
    assert found["wide"] == []
    assert found["loaded"] == []
    assert set(found["pictures"]) == {1040, 2200}
    assert found["font"] == "16px"


def test_this_would_notice(tmp_path: pathlib.Path) -> None:
    """A page that is too wide, and one that its policy keeps from running a script and from loading
    a picture.
    """
    page = pages()["one"]
    wide = looked_at(
        page.replace("<main>", '<main><p class="odd" style="width:700px">x</p>'), 390, tmp_path
    )
    assert wide["needed"] > 390
    assert wide["wide"] == ["P.odd"]
    foreign = '<main><img src="http://example.org/x.png"><script>document.documentElement.dataset.onloaded = 1</script>'
    page = page.replace("<main>", foreign)
    refused = looked_at(page, 390, tmp_path)
    assert refused["ran"] is False
    assert refused["pictures"][0] == 0
    assert looked_at(page.replace("Content-Security-Policy", "none"), 390, tmp_path)["ran"] is True
