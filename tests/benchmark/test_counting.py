"""Operations and bytes, against counts by hand and those of TensorFlow's graph."""

import keras
import pytest
import tensorflow as tf

from igam_tf import adapters, models
from igam_tf.benchmark import counting
from igam_tf.benchmark.counting import NetworkSize
from igam_tf.core.bounds import PIXELS


def test_a_network_of_two_layers() -> None:
    inputs = keras.Input((8, 6, 3))
    x = keras.layers.Conv2D(4, 3, 2, "same")(inputs)  # 4 x 3 places
    model = keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(x)))
    assert counting.forward_flops(model) == 2 * (12 * 27 * 4) + 2 * (48 * 5)
    size = NetworkSize.of(model)
    assert size.variables == 4 * (27 * 4 + 4 + 48 * 5 + 5)
    assert size.outputs == 4 * (48 + 48 + 5)


@pytest.mark.parametrize(
    "model",
    [
        lambda: models.wide_resnet(10, 1, 2),
        lambda: models.discriminator((32, 32, 3)),
        lambda: models.adapted(
            models.mnist_cnn(),
            adapters.parse(("mean", "crop:28", "scale:1/255")),
            (32, 32, 3),
            PIXELS,
        ),
        lambda: models.adapted(
            models.wide_resnet(10, 1, 1), adapters.parse(("transposed:32",)), (16, 16, 3), PIXELS
        ),
    ],
    ids=["wide_resnet", "discriminator", "adapted mnist_cnn", "transposed convolution"],
)
def test_networks_as_the_operations_of_their_graph_say(model) -> None:
    built = model()
    graph = (
        tf.function(lambda x: built(x))
        .get_concrete_function(tf.TensorSpec((1, *built.input_shape[1:])))
        .graph
    )
    assert counting.forward_flops(built) == sum(map(_multiplications, graph.get_operations())) * 2


def _multiplications(operation: tf.Operation) -> int:
    if operation.type == "Conv2D":
        return (
            operation.outputs[0].shape.num_elements() * operation.inputs[1].shape[:3].num_elements()
        )
    if operation.type == "Conv2DBackpropInput":  # a transposed convolution: its whole kernel
        return (
            operation.inputs[2].shape[1:3].num_elements() * operation.inputs[1].shape.num_elements()
        )
    if operation.type == "MatMul":
        return operation.outputs[0].shape[-1] * operation.inputs[0].shape[-1]
    return 0


STUDENT, TEACHER, JUDGE = NetworkSize(100, 10, 1), NetworkSize(40, 7, 2), NetworkSize(6, 3, 4)


def test_steps_in_units_of_a_forward_pass() -> None:
    assert counting.plain(STUDENT, 2).flops == 2 * 3 * 100
    assert counting.plain(STUDENT, 2, 7).flops == 2 * 17 * 100
    assert counting.input_gradients(STUDENT, 2, 7).flops == 2 * 14 * 100
    alone = counting.igam(STUDENT, TEACHER, JUDGE, 2, False, False)
    assert alone.flops == 2 * (6 * 100 + 2 * 40 + 4 * 6)
    assert counting.igam(STUDENT, TEACHER, JUDGE, 2, True, False).flops - alone.flops == 2 * 6 * 6
    assert counting.igam(STUDENT, TEACHER, JUDGE, 2, True, True).flops - alone.flops == 2 * (
        6 * 6 + 2 * 100
    )
    same = counting.igam(STUDENT, STUDENT, NetworkSize(), 1, False, False)
    assert same.flops == 8 * 100  # the paper protocol's eight forward units


def test_memory_of_a_step() -> None:
    assert (
        counting.plain(STUDENT, 2).memory == counting.plain(STUDENT, 2, 50).memory == 3 * 1 + 2 * 10
    )
    assert counting.input_gradients(STUDENT, 2, 7).memory == 1 + 2 * 10
    assert counting.igam(STUDENT, TEACHER, JUDGE, 2, True, True).memory == 3 + 2 + 12 + 2 * (
        20 + 7 + 6
    )
