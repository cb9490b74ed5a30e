"""A custom gradient of a custom gradient: loading does not warn, and both derivatives are right."""

import logging
import pathlib
from typing import Any

import pytest
import tensorflow as tf

from igam_tf.export.saved_gradients import drop_unsaved


@tf.custom_gradient
def cube(x: tf.Tensor) -> Any:
    @tf.custom_gradient
    def first(upstream: tf.Tensor, x: tf.Tensor) -> Any:
        return 3 * upstream * x**2, lambda above: (3 * above * x**2, 6 * above * upstream * x)

    return x**3, lambda upstream: first(upstream, x)


@tf.custom_gradient
def plain(x: tf.Tensor) -> Any:
    return x**2, lambda upstream: 2 * upstream * x


def saved(function: Any, path: pathlib.Path) -> dict[str, bytes]:
    module = tf.Module()
    module.run = tf.function(function, input_signature=[tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(path))
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}


def warnings_of_loading(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> tuple[Any, int]:
    caplog.clear()
    with caplog.at_level(logging.WARNING, "absl"):
        loaded = tf.saved_model.load(str(path))
    return loaded, sum(
        "unsaved custom gradients" in record.getMessage() for record in caplog.records
    )


def test_gradients_of_gradients_are_dropped(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    saved(cube, tmp_path)
    assert warnings_of_loading(tmp_path, caplog)[1] > 0
    drop_unsaved(tmp_path)
    loaded, warned = warnings_of_loading(tmp_path, caplog)
    assert warned == 0
    x = tf.constant([1.0, -2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = loaded.run(x)
        first = inner.gradient(y, x)
    assert first.numpy().tolist() == [3, 12]
    assert outer.gradient(first, x).numpy().tolist() == [6, -12]


def test_a_model_without_them_is_left_as_it_is(tmp_path: pathlib.Path) -> None:
    before = saved(plain, tmp_path)
    drop_unsaved(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert "fingerprint.pb" in before
