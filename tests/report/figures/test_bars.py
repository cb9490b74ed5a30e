"""Bars have the height of the accuracy, and its interval."""

import numpy as np
import pytest
from matplotlib import container

from igam_tf.core.errors import InputError
from igam_tf.report.figures import bars, style

from .samples import record

RECORDS = {
    "Standard": record({"clean": 50, "pgd5": 0, "pgd20": 1}),
    "IGAM-CIFAR10-Crop": record({"clean": 40, "pgd5": 21, "pgd20": 7}),
}


@pytest.mark.parametrize(
    ("columns", "statistics"),
    [(("clean", "pgd5"), None), (("pgd20",), None), (("clean", "pgd5"), "batch")],
)
def test_heights_intervals_and_labels(columns: tuple[str, ...], statistics: str | None) -> None:
    records = RECORDS if statistics is None else {"IGAM-CIFAR10-Crop": RECORDS["IGAM-CIFAR10-Crop"]}
    figure = bars.accuracy_bars(records, columns, statistics)
    (axes,) = figure.axes
    groups = [each for each in axes.containers if isinstance(each, container.BarContainer)]
    whiskers = [each for each in axes.containers if isinstance(each, container.ErrorbarContainer)]
    assert len(groups) == len(whiskers) == len(columns)
    styles = {(bar.patches[0].get_facecolor(), bar.patches[0].get_hatch()) for bar in groups}
    assert len(styles) == len(columns)
    for column, bar, whisker in zip(columns, groups, whiskers, strict=True):
        counts = [each.count(column, statistics) for each in records.values()]
        np.testing.assert_allclose(
            [patch.get_height() for patch in bar.patches], [100 * c.accuracy for c in counts]
        )
        ends = [segment[:, 1] for segment in whisker.lines[2][0].get_segments()]
        np.testing.assert_allclose(
            ends, [[100 * end for end in count.interval] for count in counts], atol=1e-9
        )
        texts = {text.get_text() for text in axes.texts}
        assert {f"{100 * count.accuracy:.1f}" for count in counts} <= texts
    assert [text.get_text().replace("\n", "") for text in axes.get_xticklabels()] == list(records)
    titles = {"clean": "clean", "pgd5": "PGD5", "pgd20": "PGD20"}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        titles[column] for column in columns
    ]
    assert f"BatchNorm: {statistics or 'moving'}" in axes.get_title("left")
    patches = [patch.get_window_extent() for bar in groups for patch in bar.patches]
    assert not any(
        a.x0 < b.x1 and b.x0 < a.x1 for i, a in enumerate(patches) for b in patches[:i]
    )  # beside each other


@pytest.mark.parametrize(("rows", "columns", "labels"), [(9, 2, 18), (4, 4, 16), (8, 4, 0)])
def test_figures_stand_where_they_fit(rows: int, columns: int, labels: int) -> None:
    counts = {"clean": 50, "fgsm": 50, "pgd5": 25, "pgd20": 3}
    records = {f"IGAM-CIFAR100-{row}": record(counts) for row in range(rows)}
    figure = bars.accuracy_bars(records, list(counts)[:columns])
    assert figure.get_size_inches()[0] <= style.PAGE
    figure.draw_without_rendering()
    places = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(places) == labels
    places += [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert not any(a.overlaps(b) for index, a in enumerate(places) for b in places[:index])


@pytest.mark.parametrize(
    ("records", "columns", "statistics", "message"),
    [
        ({}, ("clean",), None, "expected records and columns, got 0 and 1"),
        (RECORDS, (), None, "expected records and columns, got 2 and 0"),
        (RECORDS, ("clean", "pgd7"), None, "there is no 'pgd7'"),
        (RECORDS, ("clean",), "recalibrated", "with statistics 'recalibrated'"),
    ],
)
def test_missing_records_columns_and_modes(records, columns, statistics, message) -> None:
    with pytest.raises(InputError, match=message):
        bars.accuracy_bars(records, columns, statistics)
