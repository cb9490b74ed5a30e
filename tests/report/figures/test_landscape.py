"""The plane around an image: its points, the model's values on it, and its panels."""

import dataclasses

import numpy as np
import pytest
from matplotlib import colors

from igam_tf import attacks, gradients, losses
from igam_tf.core.errors import InputError
from igam_tf.report.figures import landscape, landscape_panels, style
from igam_tf.report.figures.landscape import Landscape

from ... import tiny

SIZE = 5
SETTINGS = {"epsilon": 8, "step_size": 2, "steps": 4, "resolution": SIZE, "seed": 3}


def image_and_label(low: float = 100.0) -> tuple[np.ndarray, int]:
    x, y = tiny.batch(1)
    return low + x[0] / 10, int(y[0])


def points_of(model, image, label, monkeypatch, **settings) -> np.ndarray:
    """All images that the model classifies, [R, R, H, W, C]."""
    batches = []
    logits_of = gradients.logits_of

    def spy(subject, x, *mode):
        if isinstance(x, np.ndarray):  # not from inside the attack
            batches.append(x)
        return logits_of(subject, x, *mode)

    with monkeypatch.context() as patch:
        patch.setattr(landscape.gradients, "logits_of", spy)
        landscape.landscape(model, image, label, **{**SETTINGS, "batch_size": 7, **settings})
    return np.concatenate(batches).reshape(SIZE, SIZE, *image.shape)


def test_the_values_are_the_models() -> None:
    model, (image, label) = tiny.classifier(1), image_and_label()
    surface = landscape.landscape(model, image, label, **SETTINGS)
    assert surface.predicted.shape == surface.cross_entropy.shape == (SIZE, SIZE)
    assert surface.cross_entropy.dtype == np.float32
    np.testing.assert_allclose(surface.offsets, [-16, -8, 0, 8, 16])
    assert (surface.label, surface.epsilon) == (label, 8)
    adversarial = attacks.pgd(model, image[None], [label], epsilon=8, step_size=2, steps=4, seed=3)
    assert np.abs(adversarial - image).max() == pytest.approx(8)
    for (row, column), x in {
        (2, 2): image[None],
        (2, 3): adversarial,
    }.items():  # the image, and PGD's end
        logits = model(x, training=False)
        assert surface.predicted[row, column] == np.argmax(logits)
        np.testing.assert_allclose(
            surface.cross_entropy[row, column], losses.cross_entropy([label], logits)[0], rtol=1e-4
        )
    assert surface.cross_entropy[2, 4] > surface.cross_entropy[2, 2] > surface.cross_entropy[2, 0]


def test_directions(monkeypatch) -> None:
    image, label = image_and_label()
    one, other = (
        points_of(tiny.classifier(seed), image, label, monkeypatch) - image for seed in (1, 2)
    )
    random = one[:, 2]  # a = 0
    np.testing.assert_allclose(np.abs(random[4]), 16, rtol=1e-5)
    assert 0.3 < (random[4] > 0).mean() < 0.7
    np.testing.assert_allclose(random[0], -random[4], rtol=1e-5)
    np.testing.assert_array_equal(random, other[:, 2])  # shared by the models
    assert not np.array_equal(one[2], other[2])  # each has its own adversarial one
    assert np.abs(one[2, 4]).max() == pytest.approx(16)
    np.testing.assert_allclose(one[4, 4], one[2, 4] + one[4, 2], atol=1e-4)
    another = points_of(tiny.classifier(1), image, label, monkeypatch, seed=4) - image
    assert not np.array_equal(another[4, 2], random[4])


def test_points_stay_in_the_pixel_range(monkeypatch) -> None:
    image, label = image_and_label(low=0.0)
    points = points_of(tiny.classifier(1), image, label, monkeypatch)
    assert points.min() == 0
    assert points.max() <= 255


def test_units_are_255ths_of_any_range() -> None:
    image, label = image_and_label()
    surface = landscape.landscape(
        tiny.classifier(1, high=1.0),
        image / 255,
        label,
        epsilon="8/255",
        step_size="2/255",
        resolution=3,
        extent=1,
    )
    np.testing.assert_allclose(surface.offsets, [-8, 0, 8], atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resolution": 4}, "resolution: expected an odd number of 3 or more, got 4"),
        ({"resolution": 1}, "resolution: expected an odd number of 3 or more, got 1"),
        ({"extent": 0}, "extent: expected more than 0 epsilons, got 0"),
        ({"epsilon": 0, "step_size": 0}, "PGD leaves the image as it is at epsilon 0"),
        ({"epsilon": 300}, "epsilon: expected 0 to 255"),
    ],
)
def test_what_is_refused(settings: dict[str, float], message: str) -> None:
    image, label = image_and_label()
    with pytest.raises(InputError, match=message):
        landscape.landscape(tiny.classifier(1), image, label, **{**SETTINGS, **settings})


def plane(predicted: int = 1, loss: float = 2.0) -> Landscape:
    """Class 0 on the left, another on the right."""
    offsets = np.linspace(-16, 16, 9)
    classes = np.where(offsets[None] < 2, 0, predicted) + np.zeros((9, 1), int)
    return Landscape(
        classes, np.full((9, 9), loss, np.float32) + classes.astype(np.float32), offsets, 0, 8.0
    )


def test_panels_share_axes_colours_and_scale() -> None:
    figure = landscape_panels.landscape_figure(
        {"(a) one": plane(7), "(b) two": plane(7, 0.02), "(c)": plane(5, 30.0)}
    )
    above, below = figure.axes[:3], figure.axes[3:6]
    assert [axes.get_title() for axes in above] == ["(a) one", "(b) two", "(c)"]
    pixels = [axes.get_images()[0].get_array() for axes in above]
    np.testing.assert_array_equal(pixels[0], pixels[1])
    assert len({colors.to_hex(each[0, -1]) for each in pixels}) == 2  # 7 and 5
    assert {colors.to_hex(each[0, 0]).upper() for each in pixels} == {landscape_panels._TRUE}
    assert [[text.get_text() for text in axes.texts] for axes in above] == [
        ["0", "7"],
        ["0", "7"],
        ["0", "5"],
    ]
    norms = {(axes.get_images()[0].norm.vmin, axes.get_images()[0].norm.vmax) for axes in below}
    assert norms == {(np.float32(0.02), 35.0)}
    assert {axes.get_xlim() for axes in (*above, *below)} == {(-18.0, 18.0)}
    assert figure.axes[6].get_ylabel() == "cross-entropy of class 0"
    for axes, surface in zip(above, (plane(7), plane(7), plane(5)), strict=True):
        for text in axes.texts:  # inside its own region, clear of the attack's ball
            column, row = (int(np.argmin(abs(surface.offsets - at))) for at in text.get_position())
            assert str(surface.predicted[row, column]) == text.get_text()
            assert np.abs(text.get_position()).sum() > 8


def test_no_loss_at_all_can_be_drawn() -> None:
    flat = dataclasses.replace(
        plane(), cross_entropy=np.zeros((9, 9), np.float32), predicted=np.zeros((9, 9), int)
    )
    figure = landscape_panels.landscape_figure({"flat": flat})
    assert figure.axes[1].get_images()[0].norm.vmin == landscape_panels._LEAST
    style.png_bytes(figure, dpi=40)


def test_more_classes_than_colours() -> None:
    rng = np.random.default_rng(0)
    many = dataclasses.replace(plane(), predicted=rng.integers(0, 30, (9, 9)))
    fills = landscape_panels._fills([many])
    assert set(fills) == set(np.unique(many.predicted).tolist()) | {0}
    assert len(set(fills.values()) - {landscape_panels._TRUE, landscape_panels._OTHER}) == 7


@pytest.mark.parametrize(
    ("least", "largest", "expected"),
    [
        (0.7, 8, [1, 2, 5]),
        (0.001, 50, [0.001, 0.01, 0.1, 1, 10]),
        (0.05, 2, [0.05, 0.1, 0.2, 0.5, 1, 2]),
        (3, 4, []),
    ],
)
def test_lines_at_round_losses(least: float, largest: float, expected: list[float]) -> None:
    assert landscape_panels._round_losses(colors.LogNorm(least, largest)) == expected


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_panels_stand_in_line(count: int) -> None:
    figure = landscape_panels.landscape_figure(
        {f"({index})\nmodel": plane() for index in range(count)}
    )
    width, height = figure.get_size_inches()
    assert width <= style.PAGE + 1e-9
    figure.draw_without_rendering()
    above, below = (
        [axes.get_position() for axes in figure.axes[row * count :][:count]] for row in (0, 1)
    )
    for upper, lower in zip(above, below, strict=True):
        assert (upper.x0, upper.x1) == pytest.approx((lower.x0, lower.x1))
        assert upper.width * width == pytest.approx(upper.height * height)
    inside = figure.bbox
    texts = [axes.get_tightbbox() for axes in figure.axes] + [
        text.get_window_extent() for text in figure.texts
    ]
    assert all(
        inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
        for box in texts
    )


@pytest.mark.parametrize("seed", range(5))
def test_innermost_is_inside(seed: int) -> None:
    region = np.random.default_rng(seed).random((9, 9)) < 0.3
    region[2:7, 3:8] = True
    row, column = landscape_panels._innermost(region)
    assert region[row - 1 : row + 2, column - 1 : column + 2].all()


@pytest.mark.parametrize(
    "change", [{"label": 1}, {"epsilon": 4.0}, {"offsets": np.linspace(-8, 8, 9)}]
)
def test_different_planes_are_not_one_figure(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="expected one label, epsilon and extent for all"):
        landscape_panels.landscape_figure(
            {"a": plane(), "b": dataclasses.replace(plane(), **change)}
        )
    with pytest.raises(InputError, match="expected at least one"):
        landscape_panels.landscape_figure({})
