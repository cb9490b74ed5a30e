"""Figures from saved runs; a run or record that is missing is made as `reproduce_table` makes it."""

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
from igam_tf.report.figures import bars, curves, gradient_images, landscape

# Test images, the first ones, among which those of a figure are; also the batch of the BatchNorm
# mode "batch".
POOL = 100
MOST_IMAGES = 20


def gradient_figure(
    picture: PaperFigure,
    options: Options,
    rows: Sequence[str] = (),
    num_images: int | None = None,
    statistics: str = "moving",
) -> Figure:
    """Figures 1, 4 and 6: images of as many classes as there are, with the models' input gradients.

    Args:
      rows: only these; all by default.
      num_images: the figure's own by default.
      statistics: BatchNorm mode; `"batch"` is of the first `POOL` test images, which those shown
        are among.

    Raises:
      InputError: a row that the figure has not, no row that can be drawn, absent data, or a number
        of images out of range.
    """
    count = picture.images if num_images is None else num_images
    if not 1 <= count <= MOST_IMAGES:
        raise InputError(f"num_images: expected 1 to {MOST_IMAGES}, got {count}")
    dataset = _dataset(picture, options)
    images, labels = dataset.test.pixels(), dataset.test.labels
    models = _models(picture, dataset, options, rows)
    shown = gradient_images.one_of_each(labels, count)
    found = gradient_images.input_gradients(models, images, labels, statistics)
    captions = [f"class {label}" for label in labels[shown]]
    chosen = {name: each[shown] for name, each in found.items()}
    return gradient_images.gradient_grid(images[shown], chosen, captions, dataset.bounds)


def landscape_figure(
    picture: PaperFigure,
    options: Options,
    rows: Sequence[str] = (),
    seed: int = 0,
    resolution: int = 81,
) -> Figure:
    """Figure 7, around the first test image that all its models get right; else around the first
    one.

    Args:
      rows: as `gradient_figure`.
      seed: of PGD's start and of the random direction.

    Raises:
      InputError: as `gradient_figure`, or an even or too small resolution.
    """
    landscape.require_resolution(resolution)
    dataset = _dataset(picture, options)
    models = _models(picture, dataset, options, rows)
    images, labels = dataset.test.pixels(), dataset.test.labels
    right = [
        programs.logits(model, images, "moving").argmax(-1) == labels for model in models.values()
    ]
    shared = np.flatnonzero(np.all(right, axis=0))
    index = int(shared[0]) if len(shared) else 0
    said = (
        "the first that all models get right"
        if len(shared)
        else f"no one of {len(labels)} is right in all models"
    )
    options.say(f"test image {index} of {dataset.name}, class {labels[index]}: {said}")
    found = {
        paper_figures.panel_title(place, name, _run(picture, name)): landscape.landscape(
            model,
            images[index],
            int(labels[index]),
            bounds=dataset.bounds,
            seed=seed,
            resolution=resolution,
        )
        for place, (name, model) in enumerate(models.items())
    }
    return landscape.landscape_figure(found)


def bar_figure(table: Table, options: Options, statistics: str = "moving", **asked: Any) -> Figure:
    """Figure 5, of a table with PGD-5: its rows' clean and attacked accuracy; `asked` and errors as
    `table_records`.
    """
    found = table_records(table, options, statistics, **asked)
    return bars.accuracy_bars(found, ("clean", "pgd5"), statistics)


def curve_figure(
    table: Table, options: Options, statistics: str = "moving", **asked: Any
) -> Figure:
    """A table's rows under its PGD-k; `asked` and errors as `table_records`."""
    return curves.k_curves(table_records(table, options, statistics, **asked), statistics)


def table_records(
    table: Table,
    options: Options,
    statistics: str = "moving",
    rows: Sequence[str] = (),
    num_examples: int | None = None,
    progress: Callable[[str], Any] = lambda row: None,
) -> dict[str, EvalRecord]:
    """The records of a table's rows; what is absent is said and left out.

    Args:
      statistics: a BatchNorm mode that they need to have.
      rows, num_examples, progress: as `igam_tf.experiments.reproduce.reproduce`.

    Raises:
      InputError: a row that the table has not, or no row with a record.
    """
    # What a figure does not show is not asked for.
    asked = dataclasses.replace(
        table, scoring=dataclasses.replace(table.scoring, strong_examples=None)
    )
    modes = (
        () if statistics in table.scoring.statistics else (*table.scoring.statistics, statistics)
    )
    results = reproduce.reproduce(asked, options, rows, num_examples, modes, progress=progress)
    wanted = {name: result for name, result in results.items() if not rows or name in rows}
    absent = {name: result.note for name, result in wanted.items() if result.record is None}
    _say_absent(f"table {table.name}", absent, len(wanted), options)
    return {name: result.record for name, result in wanted.items() if result.record is not None}


def _models(
    picture: PaperFigure, dataset: Dataset, options: Options, rows: Sequence[str]
) -> dict[str, keras.Model]:
    if unknown := [row for row in rows if row not in picture.rows]:
        raise InputError(
            f"rows: figure {picture.name} has {', '.join(picture.rows)}, not {', '.join(unknown)}"
        )
    models: dict[str, keras.Model] = {}
    absent: dict[str, str] = {}
    for name in picture.rows:
        if rows and name not in rows:
            continue
        try:
            directory = runs.ensure(_run(picture, name), options)
            models[name] = trained.load_for(dataset, directory)
        except (InputError, DivergedError) as error:
            absent[name] = str(error)
    _say_absent(f"figure {picture.name}", absent, len(models) + len(absent), options)
    return models


def _run(picture: PaperFigure, name: str) -> Any:
    run = picture.rows[name]
    if isinstance(run, Absent):
        raise InputError(run.reason)
    return run


def _say_absent(what: str, absent: dict[str, str], count: int, options: Options) -> None:
    if len(absent) == count:
        name, reason = next(iter(absent.items()))
        raise InputError(f"{what}: none of its rows can be drawn; {name}: {reason}")
    for name, reason in absent.items():
        options.say(f"left out: {name}: {reason}")


def _dataset(picture: PaperFigure, options: Options) -> Dataset:
    return data.load(picture.dataset, options.data_dir, train_size=1, test_size=POOL)
