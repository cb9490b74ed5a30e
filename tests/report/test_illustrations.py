"""Pictures of a table's records and models, or the reason why one is absent."""

import dataclasses
import pathlib
import re

import keras
import pytest

from igam_tf import data, models
from igam_tf.evaluation.records import Count, EvalRecord
from igam_tf.experiments import trained
from igam_tf.experiments.configs import Data, Network, RobustRun, Schedule, Scoring, Table
from igam_tf.experiments.reproduce import Result
from igam_tf.experiments.runs import Options
from igam_tf.report import illustrations
from igam_tf.report.figures import gradient_images
from igam_tf.report.html import Picture

RUN = RobustRun(Data("shapes28"), Network("mnist_cnn"), Schedule(1, 1, (0.1,)))
TABLE = Table(
    "t",
    "tiny",
    "",
    {"A": RUN, "B": RUN, "C": RUN},
    Scoring("shapes28", 20, ("pgd5", "pgd20"), batch_size=12),
)


def record(*modes: str) -> EvalRecord:
    counts = {"clean": Count(18, 20), "pgd5": Count(9, 20), "pgd20": Count(3, 20)}
    attacks = {name: {"norm": "linf", "epsilon": 8 / 255} for name in ("pgd5", "pgd20")}
    return EvalRecord(20, 12, 0, (0.0, 1.0), attacks, dict.fromkeys(modes, counts), {})


@pytest.fixture
def results(tmp_path: pathlib.Path) -> dict[str, Result]:
    """Results of two networks: A scored in both BatchNorm modes, B in "batch" alone."""
    results = {}
    for name, modes in (("A", ("moving", "batch")), ("B", ("batch",))):
        (tmp_path / name).mkdir()
        models.mnist_cnn(10, channels=(2, 3), hidden=4).save(tmp_path / name / "model.keras")
        results[name] = Result(record(*modes), "", tmp_path / name)
    return {**results, "C": Result(None, "absent")}


def test_curves_by_mode_and_gradients_of_every_model(
    results: dict[str, Result], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    input_gradients = gradient_images.input_gradients

    def spy(
        networks: dict[str, keras.Model], images: object, labels: object, statistics: str
    ) -> object:
        calls.append((list(networks), len(images), statistics))
        return input_gradients(networks, images, labels, statistics)

    monkeypatch.setattr(gradient_images, "input_gradients", spy)
    moving, batch, grid = illustrations.of_table(TABLE, results, {}, Options(tmp_path))
    for picture in (moving, batch, grid):
        assert isinstance(picture, Picture)
        assert picture.png.startswith(b"\x89PNG")
        assert min(picture.size) > 100
    assert moving.alt.endswith(" A: 90.0 at 0, 45.0 at 5, 15.0 at 20.")
    assert "A: 90.0 at 0" in batch.alt
    assert "B: 90.0 at 0" in batch.alt
    # Gradients are of a whole batch, as it was scored.
    assert calls == [(["A"], 12, "moving"), (["B"], 12, "batch")]
    assert "(BatchNorm statistics: moving, batch)" in grid.caption
    assert grid.alt == "Grid of 8 test images and, beside each, the input gradient of A, B."


def test_weights_of_a_row_replace_its_run(
    results: dict[str, Result], tmp_path: pathlib.Path
) -> None:
    weights = {"A": trained.weights(tmp_path / "B" / "model.keras")}
    (tmp_path / "A" / "model.keras").unlink()
    assert isinstance(
        illustrations.of_table(TABLE, results, weights, Options(tmp_path))[-1], Picture
    )


def test_without_its_data_or_a_model_the_page_says_so(
    results: dict[str, Result], tmp_path: pathlib.Path
) -> None:
    """Records that are read back need neither."""
    elsewhere = dataclasses.replace(
        TABLE, scoring=dataclasses.replace(TABLE.scoring, dataset="mnist")
    )
    where = Options(tmp_path, str(tmp_path / "no data"))
    *_, reason = illustrations.of_table(elsewhere, results, {}, where)
    assert re.match("Input gradients are not shown: dataset mnist: not found under ", str(reason))
    (tmp_path / "A" / "model.keras").unlink()
    *_, reason = illustrations.of_table(TABLE, results, {}, where)
    assert re.match(f"Input gradients are not shown: {tmp_path}/A: expected ", str(reason))


def test_records_without_pgd_have_no_curve(
    results: dict[str, Result], tmp_path: pathlib.Path
) -> None:
    fgsm = {"moving": {"clean": Count(18, 20), "fgsm": Count(1, 20)}}
    without_pgd = dataclasses.replace(record("moving"), results=fgsm)
    only = {"A": dataclasses.replace(results["A"], record=without_pgd)}
    assert len(illustrations.of_table(TABLE, only, {}, Options(tmp_path))) == 1


def test_nothing_ran(tmp_path: pathlib.Path) -> None:
    assert illustrations.of_table(TABLE, {"A": Result(None, "why")}, {}, Options(tmp_path)) == []


def test_the_images_are_of_as_many_classes_as_there_are() -> None:
    labels = data.load("shapes28", train_size=1, test_size=12).test.labels
    assert len(set(labels[gradient_images.one_of_each(labels, 8)])) == min(8, len(set(labels)))
