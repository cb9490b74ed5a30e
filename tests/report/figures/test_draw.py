"""Figures from saved runs: missing runs are trained once, impossible ones are reported."""

import numpy as np
import pytest

from igam_tf import data, evaluation
from igam_tf.core.errors import InputError
from igam_tf.experiments import runs
from igam_tf.experiments.options import Options
from igam_tf.report.figures import draw, gradient_images, landscape, style

from ...experiments import small
from .drawable import PICTURE, ROWS, TABLE, TRAINABLE, refuse


def labels(figure) -> list[str]:
    texts = [text for axes in figure.axes for text in (axes.get_title(), axes.get_ylabel())]
    return [text for text in texts if text]


class Place:
    """A directory of runs, with the messages about them."""

    def __init__(self, where) -> None:
        self.messages: list[str] = []
        self.first_labels: list[str] = []
        self.first_messages: list[str] = []
        self.options = small.options(
            where / "runs", data_dir=str(where / "no data"), log=self.messages.append
        )

    def fresh(self) -> Options:
        self.messages.clear()
        return self.options


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    """A place where a first figure was drawn, so that every trainable row is trained."""
    place = Place(tmp_path_factory.mktemp("figures"))
    place.first_labels = labels(draw.gradient_figure(PICTURE, place.options))
    place.first_messages = list(place.messages)
    return place


@pytest.fixture
def nothing_trains(monkeypatch) -> None:
    monkeypatch.setattr(runs, "train", refuse)


LEFT_OUT = [
    "left out: Unwritten: not at this preset",
    "left out: Elsewhere: dataset mnist: not found",
]


def test_what_is_missing_is_trained(place: Place) -> None:
    directories = {path.name for path in place.options.runs_dir.iterdir()}
    assert directories == {runs.directory_of(ROWS[name], place.options).name for name in TRAINABLE}
    assert [text for text in place.first_labels if not text.startswith("class")] == [
        "Image",
        *TRAINABLE,
    ]
    assert [line.partition(":")[0] for line in place.first_messages] == [
        *(runs.directory_of(ROWS[name], place.options).name for name in TRAINABLE),
        "left out",
        "left out",
    ]


@pytest.mark.usefixtures("nothing_trains")
class TestOnFinishedRuns:
    def test_gradients_of_the_models(self, place: Place) -> None:
        figure = draw.gradient_figure(PICTURE, place.fresh())
        assert place.messages == LEFT_OUT
        test = data.load("shapes28", test_size=draw.POOL).test
        indices = gradient_images.one_of_each(test.labels, 3)
        assert sorted(labels(figure)) == sorted(
            ["Image", *TRAINABLE, *(f"class {label}" for label in test.labels[indices])]
        )
        assert len(set(test.labels[indices])) == 3
        first = figure.axes[0].get_images()[0].get_array()
        np.testing.assert_allclose(first, test.pixels()[indices[0], :, :, 0])

    def test_the_second_time_it_is_the_same_picture(self, place: Place) -> None:
        one, other = (
            style.png_bytes(draw.gradient_figure(PICTURE, place.fresh(), num_images=2))
            for _ in range(2)
        )
        assert one == other

    def test_only_some_rows(self, place: Place) -> None:
        figure = draw.gradient_figure(PICTURE, place.fresh(), ["PGD"], 1)
        assert place.messages == []
        assert [text for text in labels(figure) if not text.startswith("class")] == ["Image", "PGD"]

    @pytest.mark.parametrize("count", [-1, 0, 21])
    def test_numbers_of_images(self, place: Place, count: int) -> None:
        with pytest.raises(InputError, match=rf"^num_images: expected 1 to 20, got {count}$"):
            draw.gradient_figure(PICTURE, place.fresh(), num_images=count)

    def test_unknown_rows(self, place: Place) -> None:
        for figure in (draw.gradient_figure, draw.landscape_figure):
            with pytest.raises(
                InputError, match=r"^rows: figure 4 has Standard, Unwritten, .*PGD, not Nope$"
            ):
                figure(PICTURE, place.fresh(), ["PGD", "Nope"])
        with pytest.raises(InputError, match=r"^rows: table figure5 has Standard, .*, not Nope$"):
            draw.bar_figure(TABLE, place.fresh(), rows=["Nope"])

    def test_no_row_at_all(self, place: Place) -> None:
        message = r"4: none of its rows can be drawn; Unwritten: not at this preset$"
        for figure in (draw.gradient_figure, draw.landscape_figure):
            with pytest.raises(InputError, match=message):
                figure(PICTURE, place.fresh(), ["Unwritten", "Elsewhere"])
        with pytest.raises(
            InputError,
            match=r"^table figure5: none of its rows can be drawn; Unwritten: not at this",
        ):
            draw.bar_figure(TABLE, place.fresh(), rows=["Unwritten", "Elsewhere"])

    def test_landscapes_around_an_image_that_all_get_right(self, place: Place, monkeypatch) -> None:
        calls = []
        compute = landscape.landscape

        def spy(model, image, label, **settings):
            calls.append((model, image, label))
            return compute(model, image, label, **settings)

        monkeypatch.setattr(landscape, "landscape", spy)
        figure = draw.landscape_figure(PICTURE, place.fresh(), resolution=3)
        titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
        assert titles == ["(a) Standard", "(b) PGD"]
        (first, image, label), (second, other, _) = calls
        np.testing.assert_array_equal(image, other)
        test = data.load("shapes28", test_size=draw.POOL).test
        correct = [np.argmax(model(test.pixels()), -1) == test.labels for model in (first, second)]
        shared = np.flatnonzero(correct[0] & correct[1])
        index = shared[0] if len(shared) else 0
        np.testing.assert_array_equal(image, test.pixels()[index])
        assert label == test.labels[index]
        ending = (
            "the first that all models get right"
            if len(shared)
            else "no one of 100 is right in all models"
        )
        assert place.messages == [
            *LEFT_OUT,
            f"test image {index} of shapes28, class {label}: {ending}",
        ]

    def test_bars_and_curves_of_a_tables_records(self, place: Place, monkeypatch) -> None:
        records = draw.table_records(TABLE, place.fresh())
        assert place.messages == LEFT_OUT
        assert list(records) == TRAINABLE
        assert {(record.n, *record.results) for record in records.values()} == {(12, "moving")}
        files = [path.name for path in place.options.runs_dir.rglob("*.json")]
        assert not any(name.startswith("strong") for name in files)  # no figure shows them
        monkeypatch.setattr(evaluation, "evaluate", None)  # records are read back from here on
        assert draw.table_records(TABLE, place.fresh()) == records
        bars = draw.bar_figure(TABLE, place.fresh())
        assert [text.get_text() for text in bars.axes[0].get_xticklabels()] == TRAINABLE
        curves = draw.curve_figure(TABLE, place.fresh(), rows=["PGD"])
        assert [line.get_label() for line in curves.axes[0].lines] == ["PGD"]

    def test_a_mode_that_the_table_has_not(self, place: Place) -> None:
        records = draw.table_records(TABLE, place.fresh(), "batch", ["PGD"], num_examples=4)
        assert list(records["PGD"].results) == ["moving", "batch"]
        assert records["PGD"].n == 4
