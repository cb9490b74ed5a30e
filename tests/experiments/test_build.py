"""From configurations to trainers: every setting arrives, every misfit is one clear error."""

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest

from igam_tf import models, training
from igam_tf.core.bounds import PIXELS, UNIT
from igam_tf.core.errors import InputError
from igam_tf.core.settings import values_of
from igam_tf.core.settings.training import PROTOCOLS, IgamSettings, Protocol
from igam_tf.data import Dataset, Split
from igam_tf.experiments import build
from igam_tf.experiments.configs import Adversary, Data, FinetuneRun, Network, Schedule, Weights

from . import small


def dataset(shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> Dataset:
    split = Split(np.zeros((2, *shape), np.float32), np.arange(2))
    return Dataset("blank", split, split, classes, UNIT if shape[-1] == 1 else PIXELS)


WIDE = Network("wide_resnet", 1, 1, "l2")


@pytest.fixture(scope="module")
def teacher() -> keras.Model:
    return models.mnist_cnn(10, (2, 3), 4)


def test_networks() -> None:
    small_cnn = build.network(Network("mnist_cnn", channels=(2, 3), hidden=4), dataset(classes=7))
    assert small_cnn.output_shape == (None, 7)
    assert [layer.kernel.shape[-1] for layer in small_cnn.layers if hasattr(layer, "kernel")] == [
        2,
        3,
        4,
        7,
    ]
    wide = build.network(WIDE, dataset((16, 16, 3), 5))
    assert (wide.input_shape, wide.output_shape) == ((None, 16, 16, 3), (None, 5))
    assert not wide.get_layer("normalization").zero_mean  # l2
    assert wide.count_params() == models.wide_resnet(5, 1, 1, (16, 16, 3)).count_params()
    assert (
        build.network(dataclasses.replace(WIDE, width=2), dataset((16, 16, 3))).count_params()
        > wide.count_params()
    )


def test_networks_of_tiny_imagenet() -> None:
    """64x64 images of 200 classes, as teacher and as student, whatever the adapter between them and
    CIFAR's.
    """
    tiny, cifar = dataset((64, 64, 3), 200), dataset((32, 32, 3))
    wide = build.network(WIDE, tiny)
    assert (wide.input_shape, wide.output_shape) == ((None, 64, 64, 3), (None, 200))
    for adapter in ("pad:64", "pad_random:64", "transposed:64", "resize_legacy:64"):
        run = dataclasses.replace(small.FINETUNED, adapter=(adapter,))
        trainer = build.build(run, cifar, wide).trainer
        assert trainer.model.input_shape == (None, 32, 32, 3)
        assert [tuple(v.shape) for v in trainer.trained_variables] == [
            (64, 10),
            (10,),
            *([(3, 3, 3, 3)] if adapter == "transposed:64" else []),
        ]
    for adapter in ("resize_mean:32", "crop:32"):
        run = dataclasses.replace(small.FINETUNED, adapter=(adapter,))
        model = build.build(run, tiny, build.network(WIDE, cifar)).trainer.model
        assert (model.input_shape, model.output_shape) == ((None, 64, 64, 3), (None, 200))


def test_a_network_that_does_not_take_the_images() -> None:
    with pytest.raises(
        InputError, match=r"^network: mnist_cnn takes \(28, 28, 1\), blank has \(32, 32, 3\)$"
    ):
        build.network(small.NETWORK, dataset((32, 32, 3)))


def test_a_teacher_may_be_rebuilt_on_another_normalization() -> None:
    """As the release does with the teacher that it trained on `unit_norm`."""
    task = dataset((16, 16, 3))
    source = build.network(dataclasses.replace(WIDE, normalization="unit_norm"), task)
    run = FinetuneRun(
        Data("shapes32"), Weights("ab", "x"), Schedule(2, 2, (0.1,)), normalization="l2"
    )
    rebuilt = build.build(run, task, source).products["model"].layers[-1]
    unchanged = (
        build.build(dataclasses.replace(run, normalization=None), task, source)
        .products["model"]
        .layers[-1]
    )
    assert rebuilt.get_layer("normalization").zero_mean is False
    assert unchanged.get_layer("normalization").zero_mean is True
    np.testing.assert_array_equal(rebuilt.weights[0], unchanged.weights[0])


def test_optimizers() -> None:
    schedule = Schedule(9, 1, (0.1, 0.01), (4,))
    momentum = build.optimizer(schedule)
    assert isinstance(momentum, training.Momentum)
    assert momentum.momentum == 0.9
    adam = build.optimizer(dataclasses.replace(schedule, optimizer="adam"))
    assert isinstance(adam, keras.optimizers.Adam)
    assert adam.epsilon == 1e-8
    for optimizer in (momentum, adam):
        rates = [float(optimizer._learning_rate(step)) for step in (0, 4, 5)]
        assert rates == pytest.approx([0.1, 0.1, 0.01])
    stock = build.optimizer(dataclasses.replace(schedule, optimizer="keras_momentum"))
    assert isinstance(stock, keras.optimizers.SGD)
    assert (stock.momentum, stock.nesterov) == (0.9, False)


@pytest.mark.parametrize(
    ("shape", "network", "epsilon"),
    [((28, 28, 1), small.NETWORK, 8 / 255), ((16, 16, 3), WIDE, 8.0)],
)
def test_adversarial_training(
    shape: tuple[int, int, int], network: Network, epsilon: float
) -> None:
    """Fractions are of the data's range."""
    run = dataclasses.replace(
        small.ROBUST,
        network=network,
        adversary=Adversary("8/255", "2/255", 6, 50),
        weight_decay=0.5,
        seed=11,
    )
    setup = build.build(run, dataset(shape), None)
    trainer = setup.trainer
    assert (trainer.epsilon, trainer.step_size) == pytest.approx((epsilon, epsilon / 4))
    set_to = trainer.settings
    assert (set_to.steps, set_to.ramp_steps, set_to.weight_decay, set_to.seed) == (6, 50, 0.5, 11)
    assert setup.products == {"model": trainer.model}
    assert setup.progress == {"optimizer": trainer.optimizer, "iteration": trainer.iteration}


def test_plain_training() -> None:
    trainer = build.build(
        dataclasses.replace(small.ROBUST, adversary=None), dataset(), None
    ).trainer
    assert (trainer.settings.steps, trainer.epsilon) == (0, 0)


def test_an_adversary_too_strong_for_the_data() -> None:
    with pytest.raises(InputError, match=r"^epsilon: expected 0 to 1"):
        build.build(
            dataclasses.replace(small.ROBUST, adversary=Adversary(8, 2, 7)), dataset(), None
        )


def test_fine_tuning(teacher: keras.Model) -> None:
    run = dataclasses.replace(
        small.FINETUNED, adapter=("mean", "crop:28", "scale:1/255"), statistics="moving"
    )
    setup = build.build(run, dataset((32, 32, 3), 7), teacher)
    model = setup.products["model"]
    assert (model.input_shape, model.output_shape) == ((None, 32, 32, 3), (None, 7))
    assert setup.trainer.settings.statistics == "moving"
    assert [tuple(v.shape) for v in setup.trainer.trained_variables] == [(4, 7), (7,)]
    assert setup.progress == {
        "optimizer": setup.trainer.optimizer,
        "iteration": setup.trainer.iteration,
    }


@pytest.mark.parametrize(
    ("adapter", "shape"),
    [((), r"\(32, 32, 3\)"), (("mean",), r"\(32, 32, 1\)"), (("crop:28",), r"\(28, 28, 3\)")],
)
def test_an_adapter_that_does_not_lead_to_the_teacher(
    teacher: keras.Model, adapter: tuple[str, ...], shape: str
) -> None:
    run = dataclasses.replace(small.FINETUNED, adapter=adapter)
    message = (
        rf"^adapter: it gives {shape} for \(32, 32, 3\) images, the model takes \(28, 28, 1\)$"
    )
    with pytest.raises(InputError, match=message):
        build.build(run, dataset((32, 32, 3)), teacher)


def test_students(teacher: keras.Model) -> None:
    run = dataclasses.replace(
        small.STUDENT,
        network=WIDE,
        lambda_adv=0.25,
        lambda_diff=7.0,
        disc_every=3,
        weight_decay=0.5,
        steps_before_matching=10,
        gradient_crop=12,
        adapter=("mean", "resize:28", "scale:1/255"),
    )
    setup = build.build(run, dataset((16, 16, 3)), teacher)
    trainer = setup.trainer
    assert trainer.settings == IgamSettings(**values_of(run, IgamSettings))
    assert trainer.teacher is teacher
    assert trainer.protocol == PROTOCOLS["release"]
    assert trainer.discriminator.input_shape == (None, 12, 12, 3)
    convolutions = [
        layer for layer in trainer.discriminator.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    assert [layer.filters for layer in convolutions] == [2, 4]
    assert setup.products == {"model": trainer.student, "discriminator": trainer.discriminator}
    assert setup.progress == {
        "optimizer": trainer.student_optimizer,
        "discriminator_optimizer": trainer.discriminator_optimizer,
        "iteration": trainer.iteration,
    }
    rates = trainer.discriminator_optimizer._learning_rate
    # In the student's iterations, from the first that matches.
    assert (rates.every, rates.start) == (3, 13)
    whole = build.build(
        dataclasses.replace(small.STUDENT, gradient_crop=None), dataset(), teacher
    ).trainer
    assert whole.discriminator.input_shape == (None, 28, 28, 1)


OTHERS: dict[str, Any] = {
    "gradient_of": "xent",
    "diff_reduction": "mean",
    "adversarial_reduction": "sum",
    "discriminator_update": "same_gradients",
    "teacher_statistics": "moving",
}


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Protocol)])
def test_each_setting_of_the_protocol_can_be_overridden(teacher: keras.Model, name: str) -> None:
    run = dataclasses.replace(small.STUDENT, **{name: OTHERS[name]})
    protocol = build.build(run, dataset(), teacher).trainer.protocol
    assert protocol == dataclasses.replace(PROTOCOLS["release"], **{name: OTHERS[name]})
    paper = dataclasses.replace(small.STUDENT, protocol="paper")
    assert build.build(paper, dataset(), teacher).trainer.protocol == PROTOCOLS["paper"]
