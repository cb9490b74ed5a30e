"""k-curves: which attacks are on them, and how they look."""

import numpy as np
import pytest

from igam_tf.core.errors import InputError
from igam_tf.report.figures import curves

from .samples import record

ROBUST = record(
    {
        "clean": 49,
        "fgsm": 45,
        "pgd20": 40,
        "pgd5": 42,
        "pgd20-margin": 3,
        "pgd10-x5": 2,
        "pgd10-l2": 1,
    }
)
WEAK = record({"clean": 48, "pgd5": 9, "pgd100": 1}, n=100)


def test_a_curve_is_clean_and_every_plain_pgd() -> None:
    curve = curves.curve_of(ROBUST)
    assert {k: count.correct for k, count in curve.items()} == {0: 49, 5: 42, 20: 40}
    assert list(curve) == [0, 5, 20]
    assert curves.curve_of(ROBUST, "batch")[5].correct == 43


def test_lines_bands_and_labels() -> None:
    figure = curves.k_curves({"PGD7-trained": ROBUST, "Standard": WEAK})
    (axes,) = figure.axes
    robust, weak = axes.lines
    assert (robust.get_label(), weak.get_label()) == ("PGD7-trained", "Standard")
    assert list(robust.get_xdata()) == [0, 5, 20]
    np.testing.assert_allclose(robust.get_ydata(), [98, 84, 80])
    np.testing.assert_allclose(weak.get_ydata(), [48, 9, 1])
    assert (robust.get_marker(), robust.get_linestyle()) != (
        weak.get_marker(),
        weak.get_linestyle(),
    )
    low, high = ROBUST.count("pgd5").interval
    corners = axes.collections[0].get_paths()[0].vertices
    at_five = corners[corners[:, 0] == 5][:, 1]
    np.testing.assert_allclose([at_five.min(), at_five.max()], [100 * low, 100 * high])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["clean", "5", "20", "100"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "PGD7-trained",
        "Standard",
    ]
    assert "8/255" in axes.get_title("left")
    assert "moving" in axes.get_title("left")
    assert "n = 50 or 100" in axes.get_title("left")


def test_another_mode() -> None:
    (axes,) = curves.k_curves({"a": ROBUST}, "batch").axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [100, 86, 82])
    assert "batch" in axes.get_title("left")


@pytest.mark.parametrize(
    ("records", "statistics", "message"),
    [
        ({}, None, "k-curves: expected records"),
        ({"a": record({"clean": 1, "fgsm": 1})}, None, "k-curves: expected records"),
        ({"a": ROBUST}, "recalibrated", "there is no 'clean' with statistics 'recalibrated'"),
    ],
)
def test_nothing_to_draw(records, statistics, message) -> None:
    with pytest.raises(InputError, match=message):
        curves.k_curves(records, statistics)
