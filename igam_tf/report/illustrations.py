"""What the page shows beside a table's figures: k-curves from its records, input gradients of its
models.
"""

import pathlib
from collections.abc import Mapping

import numpy as np

from igam_tf import data
from igam_tf.core.errors import InputError
from igam_tf.evaluation import MODES
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments import trained
from igam_tf.experiments.configs import Table, Weights
from igam_tf.experiments.options import Options
from igam_tf.experiments.reproduce import Result
from igam_tf.report.figures import curves, gradient_images, style
from igam_tf.report.html import Picture
from igam_tf.report.html.picture import DPI

_EXAMPLES = 8


def of_table(
    table: Table, results: Mapping[str, Result], given: Mapping[str, Weights], options: Options
) -> list[Picture | str]:
    """A k-curve for each BatchNorm mode, then the input gradients of all rows; or the reason why a
    picture is not there.

    Args:
      given: weights that were scored instead of a run's.
    """
    records = {name: result.record for name, result in results.items() if result.record}
    if not records:
        return []
    drawn: list[Picture | str] = [
        _curves({name: record for name, record in records.items() if mode in record.results}, mode)
        for mode in MODES
        if any(
            len(curves.curve_of(record, mode)) > 1
            for record in records.values()
            if mode in record.results
        )
    ]
    places = {
        name: result.directory
        for name, result in results.items()
        if result.record and result.directory
    }
    try:
        drawn.append(_gradients(table, records, places, given, options))
    except InputError as error:
        drawn.append(f"Input gradients are not shown: {error}")
    return drawn


def _curves(records: Mapping[str, EvalRecord], mode: str) -> Picture:
    said = []
    for name, record in records.items():
        points = [
            f"{100 * count.accuracy:.1f} at {k}"
            for k, count in curves.curve_of(record, mode).items()
        ]
        said.append(f"{name}: {', '.join(points)}")
    return Picture(
        f"Accuracy against the number of PGD steps, BatchNorm statistics: {mode}. Bands are 95 % intervals over test images.",
        f"Line chart of percent right against PGD steps, 0 being clean images. {'; '.join(said)}.",
        style.png_bytes(curves.k_curves(records, mode), DPI),
    )


def _gradients(
    table: Table,
    records: Mapping[str, EvalRecord],
    places: Mapping[str, pathlib.Path],
    given: Mapping[str, Weights],
    options: Options,
) -> Picture:
    """Of the first batch that was scored, in each row's own mode; one image of a class is shown."""
    n = next(iter(records.values())).n
    batch = min(table.scoring.batch_size, n)
    dataset = data.load(table.scoring.dataset, options.data_dir, train_size=1, test_size=batch)
    images, labels = dataset.test.chosen(np.arange(batch))
    picked = gradient_images.one_of_each(labels, _EXAMPLES)
    found: dict[str, np.ndarray] = {}
    modes: dict[str, str] = {}
    for name, place in places.items():
        path, kind = (given[name].path, given[name].kind) if name in given else (place, None)
        model = trained.load_for(dataset, path, kind)
        modes[name] = _mode(records[name])
        found |= gradient_images.input_gradients({name: model}, images, labels, modes[name])
    shown = {name: each[picked] for name, each in found.items()}
    captions = [f"class {label}" for label in labels[picked]]
    statistics = ", ".join(dict.fromkeys(modes.values()))
    return Picture(
        f"Input gradients of the cross-entropy on test images of {dataset.name} (BatchNorm statistics: {statistics}), each on "
        "its own scale: mid-grey is a gradient of 0.",
        f"Grid of {len(picked)} test images and, beside each, the input gradient of {', '.join(shown)}.",
        style.png_bytes(
            gradient_images.gradient_grid(images[picked], shown, captions, dataset.bounds), DPI
        ),
    )


def _mode(record: EvalRecord) -> str:
    """The first mode that the model itself runs in."""
    return next((mode for mode in record.results if mode in ("moving", "batch")), "batch")
