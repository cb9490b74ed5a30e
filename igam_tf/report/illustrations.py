"""The pictures of an HTML page: k-curves from records, input gradients of models."""

from collections.abc import Iterator, Mapping

import keras
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
    batch_size = min(table.scoring.batch_size, next(iter(records.values())).n)

    def networks(dataset: data.Dataset) -> Iterator[tuple[str, keras.Model]]:
        for name in records:
            if place := results[name].directory:
                other = weights.get(name)
                path, kind = (other.path, other.kind) if other else (place, None)
                yield name, trained.load_for(dataset, path, kind)

    try:
        dataset = data.load(
            table.scoring.dataset, options.data_dir, train_size=1, test_size=batch_size
        )
        gradients: Picture | str = _gradients(records, networks(dataset), dataset, batch_size)
    except InputError as error:
        gradients = _reason(error)
    return [*_all_curves(records), gradients]


def of_model(
    name: str, record: EvalRecord, model: keras.Model, dataset: data.Dataset
) -> list[Picture | str]:
    """The same for one model; `dataset` is the one that it was evaluated on."""
    records, networks = {name: record}, iter([(name, model)])
    try:
        gradients: Picture | str = _gradients(records, networks, dataset, record.batch_size)
    except InputError as error:
        gradients = _reason(error)
    return [*_all_curves(records), gradients]


def _all_curves(records: Mapping[str, EvalRecord]) -> Iterator[Picture]:
    for mode in MODES:
        scored = {name: record for name, record in records.items() if mode in record.results}
        if any(len(curves.curve_of(record, mode)) > 1 for record in scored.values()):
            yield _curves(scored, mode)


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
    records: Mapping[str, EvalRecord],
    networks: Iterator[tuple[str, keras.Model]],
    dataset: data.Dataset,
    batch_size: int,
) -> Picture:
    """Input gradients on the first batch that was scored, each row's in its own BatchNorm mode.

    The picture shows one image of each of the first classes.
    """
    n = next(iter(records.values())).n
    images, labels = dataset.test.select(np.arange(min(batch_size, n)))
    indices = gradient_images.one_of_each(labels, _EXAMPLES)
    gradients: dict[str, np.ndarray] = {}
    modes: dict[str, None] = {}
    for name, model in networks:
        mode = _own_mode(records[name])
        of_all = gradient_images.input_gradients({name: model}, images, labels, mode)
        gradients[name] = of_all[name][indices]
        modes[mode] = None
    captions = [_caption(dataset, label) for label in labels[indices]]
    grid = gradient_images.gradient_grid(images[indices], gradients, captions, dataset.bounds)
    return Picture(
        f"Input gradients of the cross-entropy on test images of {dataset.name} "
        f"(BatchNorm statistics: {', '.join(modes)}), each on its own scale: "
        "mid-grey is a gradient of 0.",
        f"Grid of {len(indices)} test images and, beside each, the input gradient of "
        f"{', '.join(gradients)}.",
        style.png_bytes(grid, DPI),
    )


def _reason(error: InputError) -> str:
    return f"Input gradients are not shown: {error}"


def _caption(dataset: data.Dataset, label: int) -> str:
    """The class's name, shortened to the room beside an image, or its label."""
    return dataset.class_names[label][:12] if dataset.class_names else f"class {label}"


def _own_mode(record: EvalRecord) -> str:
    """The first BatchNorm mode that needs no recalibration."""
    return next((mode for mode in record.results if mode in ("moving", "batch")), "batch")
