"""bfloat16: where it is, where it must not be, and what a run in it keeps."""

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, data, gradients, models
from igam_tf.benchmark.counting import leaves
from igam_tf.core import precision, settings
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.experiments import build, configs, tables

from .. import tiny
from ..experiments import small

NARROW = {"Conv2D", "BatchNorm", "LeakyReLU", "PaddedShortcut", "Add", "GlobalAveragePooling2D"}


def wide_resnet() -> keras.Model:
    return models.wide_resnet(tiny.CLASSES, 1, 1, tiny.SHAPE)


def types(model: keras.Model) -> dict[str, set[str]]:
    """Compute dtypes by layer class."""
    dtypes: dict[str, set[str]] = {}
    for layer in leaves(model):
        dtypes.setdefault(type(layer).__name__, set()).add(layer.compute_dtype)
    return dtypes


def built(kind: str, make: Any = wide_resnet) -> keras.Model:
    with precision.building(kind):
        return make()


def test_layers_in_bfloat16() -> None:
    assert all(kinds == {"float32"} for kinds in types(built("float32")).values())
    model = built("bfloat16")
    for name, kinds in types(model).items():
        assert kinds == ({"bfloat16"} if name in NARROW else {"float32"}), name
    assert {v.dtype for v in model.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_rebuilding_in_bfloat16_is_building_in_bfloat16() -> None:
    plain = tiny.shaken(wide_resnet())
    narrow = precision.rebuilt(models.with_new_head(plain, 5), "bfloat16")
    assert types(narrow)["Conv2D"] == {"bfloat16"}
    for name in ("Dense", "TargetHead", "PixelRange"):
        assert types(narrow)[name] == {"float32"}
    direct = built("bfloat16")
    direct.set_weights(plain.get_weights())
    copy = precision.rebuilt(plain, "bfloat16")
    x, _ = tiny.batch()
    np.testing.assert_array_equal(direct(x), copy(x))
    assert tiny.equal(tiny.values(precision.rebuilt(copy, "float32")), tiny.values(plain))
    np.testing.assert_array_equal(precision.rebuilt(copy, "float32")(x), plain(x))


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_logits_and_input_gradients_are_float32_and_near_float32s(statistics: str) -> None:
    plain = tiny.shaken(wide_resnet())
    for _ in range(20):
        plain(tiny.batch()[0], training=True)
    narrow = precision.rebuilt(plain, "bfloat16")
    x, y = tiny.batch()
    logits = gradients.logits_of(narrow, tf.constant(x), statistics)
    gradient = gradients.input_gradient(narrow, x, y, "xent", statistics)
    assert logits.dtype == gradient.dtype == tf.float32
    assert tiny.relative(logits, gradients.logits_of(plain, tf.constant(x), statistics)) < 0.03
    expected = gradients.input_gradient(plain, x, y, "xent", statistics)
    assert tiny.relative(gradient, expected) < 0.3


def test_pixels_stay_float32_up_to_normalisation_and_adapter() -> None:
    """200 and 200.25 are equal in bfloat16."""
    with precision.building("bfloat16"):
        model, adapter = wide_resnet(), adapters.parse(("mean", "crop:4", "scale:1/255"))
        normalized = keras.Model(model.input, model.get_layer("pixels").output)
    image = np.full((1, *tiny.SHAPE), 200.0, np.float32)
    moved = image + 0.25
    np.testing.assert_array_equal(normalized(moved), moved)
    assert adapter is not None
    np.testing.assert_allclose(
        adapter(moved), np.full((1, 4, 4, 1), 200.25 / 255, np.float32), rtol=1e-6
    )


def test_a_student_steps_in_bfloat16() -> None:
    with precision.building("bfloat16"):
        student = wide_resnet()
    trainer = tiny.igam(student=student)
    before = tiny.values(student)
    logs = trainer.train_on_batch(*tiny.batch(), return_dict=True)
    assert all(np.isfinite(value) for value in logs.values())
    assert not tiny.equal(tiny.values(student), before)


def test_only_bfloat16_changes_the_digest_of_a_run() -> None:
    run = small.STUDENT
    narrow = tables.run_at_precision(run, "bfloat16")
    assert (
        settings.digest(tables.run_at_precision(run, "float32"))
        == settings.digest(run)
        != settings.digest(narrow)
    )
    assert settings.from_dict(configs.StudentRun, settings.to_dict(narrow)) == narrow
    table = tables.at_precision(tables.table("1", "demo", 0, None), "bfloat16")
    assert {
        row.precision for row in table.rows.values() if not isinstance(row, configs.Absent)
    } == {"bfloat16"}


def test_networks_of_every_stage_are_built_in_bfloat16() -> None:
    wide = configs.Network("wide_resnet", 1, 1)
    split = data.Split(np.zeros((2, *tiny.SHAPE), np.float32), np.arange(2))
    dataset = data.Dataset("blank", split, split, 10, PIXELS)
    robust = dataclasses.replace(small.ROBUST, network=wide, precision="bfloat16")
    finetuned = dataclasses.replace(small.FINETUNED, precision="bfloat16")
    student = dataclasses.replace(
        small.STUDENT, network=wide, gradient_crop=None, precision="bfloat16"
    )
    source = build.build(robust, dataset, None).products["model"]
    teacher = build.build(finetuned, dataset, models.wide_resnet(10, 1, 1, tiny.SHAPE)).products[
        "model"
    ]
    igam = build.build(student, dataset, teacher, jit=True)
    for model in (source, teacher, igam.products["model"], igam.products["discriminator"]):
        assert types(model)["Conv2D"] == {"bfloat16"}
    assert types(teacher)["TargetHead"] == {"float32"}
    assert igam.trainer.jit_compile is True


def test_an_unknown_precision() -> None:
    with pytest.raises(
        InputError, match="precision: expected one of float32, bfloat16, got 'float16'"
    ):
        precision.rebuilt(wide_resnet(), "float16")
