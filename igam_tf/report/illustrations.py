"""The pictures of a table's HTML page: k-curves from its records, input gradients of its models."""

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
    table: Table, results: Mapping[str, Result], weights: Mapping[str, Weights], options: Options
) -> list[Picture | str]:
    """A k-curve for each BatchNorm mode, then the input gradients of all rows.

    A text stands for the input gradients where they cannot be computed, and says why.

    Args:
      weights: by row, the weights that were scored instead of a run's.
    """
    records = {name: result.record for name, result in results.items() if result.record}
    if not records:
        return []
    pictures: list[Picture | str] = []
    for mode in MODES:
        scored = {name: record for name, record in records.items() if mode in record.results}
        if any(len(curves.curve_of(record, mode)) > 1 for record in scored.values()):
            pictures.append(_curves(scored, mode))
    places = {name: results[name].directory for name in records}
    try:
        pictures.append(_gradients(table, records, places, weights, options))
    except InputError as error:
        pictures.append(f"Input gradients are not shown: {error}")
    return pictures


def _curves(records: Mapping[str, EvalRecord], mode: str) -> Picture:
    lines = []
    for name, record in records.items():
        counts = curves.curve_of(record, mode)
        points = [f"{100 * count.accuracy:.1f} at {k}" for k, count in counts.items()]
        lines.append(f"{name}: {', '.join(points)}")
    return Picture(
        f"Accuracy against the number of PGD steps, BatchNorm statistics: {mode}. "
        "Bands are 95 % intervals over test images.",
        f"Line chart of percent right against PGD steps, 0 being clean images. {'; '.join(lines)}.",
        style.png_bytes(curves.k_curves(records, mode), DPI),
    )


def _gradients(
    table: Table,
    records: Mapping[str, EvalRecord],
    places: Mapping[str, pathlib.Path | None],
    weights: Mapping[str, Weights],
    options: Options,
) -> Picture:
    """Input gradients on the first batch that was scored, each row's in its own BatchNorm mode.

    The picture shows one image of each of the first classes.
    """
    n = next(iter(records.values())).n
    batch = min(table.scoring.batch_size, n)
    dataset = data.load(table.scoring.dataset, options.data_dir, train_size=1, test_size=batch)
    images, labels = dataset.test.select(np.arange(batch))
    indices = gradient_images.one_of_each(labels, _EXAMPLES)
    gradients: dict[str, np.ndarray] = {}
    modes: dict[str, None] = {}
    for name, place in places.items():
        if place is None:
            continue
        path, kind = (weights[name].path, weights[name].kind) if name in weights else (place, None)
        model = trained.load_for(dataset, path, kind)
        mode = _own_mode(records[name])
        of_all = gradient_images.input_gradients({name: model}, images, labels, mode)
        gradients[name] = of_all[name][indices]
        modes[mode] = None
    captions = [f"class {label}" for label in labels[indices]]
    grid = gradient_images.gradient_grid(images[indices], gradients, captions, dataset.bounds)
    return Picture(
        f"Input gradients of the cross-entropy on test images of {dataset.name} "
        f"(BatchNorm statistics: {', '.join(modes)}), each on its own scale: "
        "mid-grey is a gradient of 0.",
        f"Grid of {len(indices)} test images and, beside each, the input gradient of "
        f"{', '.join(gradients)}.",
        style.png_bytes(grid, DPI),
    )


def _own_mode(record: EvalRecord) -> str:
    """The first BatchNorm mode that needs no recalibration."""
    return next((mode for mode in record.results if mode in ("moving", "batch")), "batch")
