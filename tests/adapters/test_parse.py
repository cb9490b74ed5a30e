"""Adapters from their parts, and those of the paper's rows."""

from typing import Any

import numpy as np
import pytest

from igam_tf import gradients, models
from igam_tf.adapters import CenterCrop, ChannelMean, Pad, Resize, Scale, TransposedConv, parse
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.data import FORMATS
from igam_tf.experiments import figure5, table1, table2, table3
from igam_tf.experiments.sizes import Student

from .. import tiny

TARGETS = {table1: "cifar10", table2: "cifar10", table3: "cifar100", figure5: "tiny_imagenet"}
STUDENTS = [(TARGETS[table], student) for table in TARGETS for student in table.STUDENTS.values()]


@pytest.mark.parametrize(("target", "student"), STUDENTS)
def test_the_papers_adapters_have_the_format_of_their_teachers_input(
    target: str, student: Student
) -> None:
    images = np.full((2, *FORMATS[target].image_shape), 255, np.float32)
    adapter = parse(student.adapter)
    assert (adapter is None) == (student.adapter == ())
    adapted = images if adapter is None else adapter(images).numpy()
    assert adapted.shape[1:] == FORMATS[student.source].image_shape
    assert adapted.max() == pytest.approx(1 if student.source == "mnist" else 255)
    assert adapted.min() >= 0


PARSED = [
    ("mean", ChannelMean, {}),
    ("crop:28", CenterCrop, {"size": 28}),
    ("scale:1/255", Scale, {"factor": 1 / 255}),
    ("resize:64", Resize, {"size": 64, "sampling": "tf2"}),
    ("resize_legacy:64", Resize, {"size": 64, "sampling": "legacy"}),
    ("resize_mean:32", Resize, {"size": 32, "sampling": "mean"}),
    ("pad:64", Pad, {"size": 64, "place": "center", "seed": None}),
    ("pad_random:64", Pad, {"size": 64, "place": "random"}),
    ("transposed:64", TransposedConv, {"size": 64}),
]


@pytest.mark.parametrize(("spec", "kind", "settings"), PARSED, ids=[spec for spec, *_ in PARSED])
def test_parts(spec: str, kind: type, settings: dict[str, Any]) -> None:
    (layer,) = parse((spec,)).layers
    assert type(layer) is kind
    assert settings.items() <= layer.get_config().items()


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "pad",
        "pad:",
        "pad:0",
        "pad:-4",
        "pad:1/2",
        "pad:x",
        "pad_center:64",
        "mean:3",
        "scale",
        "transposed:2.5",
    ],
)
def test_wrong_parts(spec: str) -> None:
    with pytest.raises(InputError) as error:
        parse(("mean", spec))
    assert str(error.value) == (
        "adapter: expected parts such as mean, crop:28, scale:1/255, resize:64, resize_legacy:64, "
        f"resize_mean:32, pad:64, pad_random:64, transposed:64, got {spec!r}"
    )


def test_logits_of_an_adapted_teacher_depend_on_the_image_alone() -> None:
    """Repeated calls and other batches give the same logits."""
    for spec in ("pad:12", "pad_random:12", "transposed:16"):
        adapter = parse((spec,))
        size = adapter(np.zeros((1, *tiny.SHAPE), np.float32)).shape[1]
        model = models.adapted(tiny.classifier(shape=(size, size, 3)), adapter, tiny.SHAPE, PIXELS)
        x, _ = tiny.batch()
        expected = gradients.logits_of(model, x).numpy()
        np.testing.assert_array_equal(gradients.logits_of(model, x), expected)
        for index in range(len(x)):
            np.testing.assert_allclose(
                gradients.logits_of(model, x[index : index + 1]), expected[[index]], rtol=1e-4
            )
