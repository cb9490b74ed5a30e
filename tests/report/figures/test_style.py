"""The same figure gives the same files, and drawing changes no global state."""

import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from igam_tf.report.figures import style

DRAW = """
import sys
from matplotlib.figure import Figure
from igam_tf.report.figures import style
with style.styled():
    figure = Figure((1, 1))
    axes = figure.subplots()
    axes.bar(["a", "b"], [1, 2], hatch="//")
    axes.set_title("a title, $\\\\epsilon$")
style.save(figure, sys.argv[1])
"""


@style.styled()
def titled(width: float = 1.0) -> Figure:
    figure = Figure((width, 1))
    figure.subplots().set_title("title")
    return figure


@pytest.mark.slow
def test_same_picture_same_bytes_in_every_process(tmp_path) -> None:
    subprocess.run(
        [sys.executable, "-c", DRAW, str(tmp_path / "a")],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "5"},
    )
    exec(DRAW.replace("sys.argv[1]", repr(str(tmp_path / "b"))), {})
    for suffix in ("png", "pdf"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_files_are_named_and_made_whole(tmp_path) -> None:
    files = style.save(titled(), tmp_path / "new" / "figure.1")
    assert files == [tmp_path / "new" / "figure.1.png", tmp_path / "new" / "figure.1.pdf"]
    assert sorted(files) == sorted((tmp_path / "new").iterdir())
    png, pdf = (file.read_bytes() for file in files)
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == style.DPI >= 200  # an inch wide
    assert pdf.startswith(b"%PDF")
    assert not any(
        word in png + pdf for word in (b"Matplotlib", b"CreationDate", b"Software", b"Producer")
    )
    assert b"/Type3" not in pdf.replace(b" ", b"")  # fonts are outlines


def test_a_failing_picture_leaves_the_files_as_they_were(tmp_path, monkeypatch) -> None:
    first = {file: file.read_bytes() for file in style.save(titled(), tmp_path / "f")}
    rendered = style._rendered

    def fails(figure: Figure, kind: str, dpi: int) -> bytes:
        if kind == "pdf":
            raise RuntimeError("no room")
        return rendered(figure, kind, dpi)

    monkeypatch.setattr(style, "_rendered", fails)
    with pytest.raises(RuntimeError, match="no room"):
        style.save(titled(2.0), tmp_path / "f")
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == first


def test_bytes_for_embedding() -> None:
    png = style.png_bytes(titled(), dpi=50)
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == 50


def test_settings_hold_inside_alone() -> None:
    with matplotlib.rc_context({"font.size": 31, "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        with style.styled():
            assert matplotlib.rcParams["font.size"] == 8
            assert not matplotlib.rcParams["axes.grid"]  # not the user's
        assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
def test_drawing_starts_no_pyplot() -> None:
    """Keras imports it where it can; drawing works where it cannot be imported."""
    script = (
        "import sys\n"
        "sys.modules['matplotlib.pyplot'] = None\n"
        "from igam_tf.report.figures import curves, style\n"
        "from matplotlib.figure import Figure\n"
        "style.png_bytes(Figure((1, 1)))\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_series_differ_in_colour_and_in_grey() -> None:
    all_series = [style.series(index) for index in range(16)]
    assert len({(look.color, look.marker) for look in all_series}) == 16
    assert all(
        len({getattr(look, part) for look in all_series[:8]}) == 8
        for part in ("color", "marker", "dashes", "hatch")
    )


def test_colours_of_the_first_four_differ_in_lightness() -> None:
    """What a grey print makes of them; further ones have their markers and line styles."""
    weights = np.array([0.299, 0.587, 0.114])
    levels = sorted(
        float(weights @ [int(style.series(index).color[at : at + 2], 16) for at in (1, 3, 5)])
        for index in range(4)
    )
    assert min(np.diff(levels)) >= 10
