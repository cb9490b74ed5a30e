"""Figures from saved runs.

A run or a record that is missing is trained or scored first, as `reproduce_table` does.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from igam_tf import data
from igam_tf.attacks import programs
from igam_tf.core.errors import DivergedError, InputError
from igam_tf.data import Dataset
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments import paper_figures, reproduce, runs, trained
from igam_tf.experiments.configs import Absent, Table
from igam_tf.experiments.options import Options
from igam_tf.experiments.paper_figures import PaperFigure
from igam_tf.report.figures import bars, curves, gradient_images, landscape, landscape_panels

# A figure's images are chosen among this many first test images, which are also the batch of the
# BatchNorm mode "batch".
POOL = 100
MOST_IMAGES = 20


def gradient_figure(
    picture: PaperFigure,
    options: Options,
    rows: Sequence[str] = (),
    num_images: int | None = None,
    statistics: str = "moving",
) -> Figure:
    """Draws Figure 1, 4 or 6: images of different classes, with the models' input gradients.

    Args:
      rows: only these rows; all by default.
      num_images: the figure's own number by default.
      statistics: the BatchNorm mode; in `"batch"` the first `POOL` test images are the batch.

    Raises:
      InputError: the figure lacks a row, no row can be drawn, the data is absent, or the number of
        images is out of range.
    """
    count = picture.images if num_images is None else num_images
    if not 1 <= count <= MOST_IMAGES:
        raise InputError(f"num_images: expected 1 to {MOST_IMAGES}, got {count}")
    dataset = _dataset(picture, options)
    images, labels = dataset.test.pixels(), dataset.test.labels
    models = _models(picture, dataset, options, rows)
    of_all = gradient_images.input_gradients(models, images, labels, statistics)
    indices = gradient_images.one_of_each(labels, count)
    gradients = {name: array[indices] for name, array in of_all.items()}
    captions = [f"class {label}" for label in labels[indices]]
    return gradient_images.gradient_grid(images[indices], gradients, captions, dataset.bounds)


def landscape_figure(
    picture: PaperFigure,
    options: Options,
    rows: Sequence[str] = (),
    seed: int = 0,
    resolution: int = 81,
) -> Figure:
    """Draws Figure 7 around the first test image that all its models classify correctly.

    Without such an image, the first test image is used.

    Args:
      rows: as in `gradient_figure`.
      seed: of PGD's random start and of the random direction.
      resolution: points on each side of the plane, an odd number of at least 3.

    Raises:
      InputError: as `gradient_figure`, or the resolution is even or too small.
    """
    landscape.require_resolution(resolution)
    dataset = _dataset(picture, options)
    models = _models(picture, dataset, options, rows)
    images, labels = dataset.test.pixels(), dataset.test.labels
    correct = [
        programs.logits(model, images, "moving").argmax(-1) == labels for model in models.values()
    ]
    index, reason = 0, f"no one of {len(labels)} is right in all models"
    if len(shared := np.flatnonzero(np.all(correct, axis=0))):
        index, reason = int(shared[0]), "the first that all models get right"
    label = int(labels[index])
    options.log(f"test image {index} of {dataset.name}, class {label}: {reason}")
    landscapes = {
        paper_figures.panel_title(position, name, _run(picture, name)): landscape.landscape(
            model, images[index], label, bounds=dataset.bounds, seed=seed, resolution=resolution
        )
        for position, (name, model) in enumerate(models.items())
    }
    return landscape_panels.landscape_figure(landscapes)


def bar_figure(
    table: Table, options: Options, statistics: str = "moving", **selection: Any
) -> Figure:
    """Draws Figure 5: the clean and PGD-5 accuracy of a table's rows.

    `selection` and errors: as `table_records`.
    """
    records = table_records(table, options, statistics, **selection)
    return bars.accuracy_bars(records, ("clean", "pgd5"), statistics)


def curve_figure(
    table: Table, options: Options, statistics: str = "moving", **selection: Any
) -> Figure:
    """Draws the accuracy of a table's rows under PGD-k; `selection`, errors: as `table_records`."""
    return curves.k_curves(table_records(table, options, statistics, **selection), statistics)


def table_records(
    table: Table,
    options: Options,
    statistics: str = "moving",
    rows: Sequence[str] = (),
    num_examples: int | None = None,
    progress: Callable[[str], Any] = lambda row: None,
) -> dict[str, EvalRecord]:
    """The records of a table's rows. Rows without a record are reported and left out.

    Args:
      statistics: a BatchNorm mode that the records must have.
      rows, num_examples, progress: as in `igam_tf.experiments.reproduce.reproduce`.

    Raises:
      InputError: the table lacks a row, or no row has a record.
    """
    # Strong attacks would only cost time: no figure shows them.
    scoring = dataclasses.replace(table.scoring, strong_examples=None)
    modes = () if statistics in scoring.statistics else (*scoring.statistics, statistics)
    without_strong = dataclasses.replace(table, scoring=scoring)
    results = reproduce.reproduce(
        without_strong, options, rows, num_examples, modes, progress=progress
    )
    results = {name: result for name, result in results.items() if not rows or name in rows}
    absent = {name: result.note for name, result in results.items() if result.record is None}
    _report_absent(f"table {table.name}", absent, len(results), options)
    return {name: result.record for name, result in results.items() if result.record is not None}


def _models(
    picture: PaperFigure, dataset: Dataset, options: Options, rows: Sequence[str]
) -> dict[str, keras.Model]:
    if unknown := [row for row in rows if row not in picture.rows]:
        raise InputError(
            f"rows: figure {picture.name} has {', '.join(picture.rows)}, not {', '.join(unknown)}"
        )
    models: dict[str, keras.Model] = {}
    absent: dict[str, str] = {}
    for name in [row for row in picture.rows if not rows or row in rows]:
        try:
            directory = runs.ensure(_run(picture, name), options)
            models[name] = trained.load_for(dataset, directory)
        except (InputError, DivergedError) as error:
            absent[name] = str(error)
    _report_absent(f"figure {picture.name}", absent, len(models) + len(absent), options)
    return models


def _run(picture: PaperFigure, name: str) -> Any:
    run = picture.rows[name]
    if isinstance(run, Absent):
        raise InputError(run.reason)
    return run


def _report_absent(what: str, absent: dict[str, str], count: int, options: Options) -> None:
    if len(absent) == count:
        name, reason = next(iter(absent.items()))
        raise InputError(f"{what}: none of its rows can be drawn; {name}: {reason}")
    for name, reason in absent.items():
        options.log(f"left out: {name}: {reason}")


def _dataset(picture: PaperFigure, options: Options) -> Dataset:
    return data.load(picture.dataset, options.data_dir, train_size=1, test_size=POOL)
