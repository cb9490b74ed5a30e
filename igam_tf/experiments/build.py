"""From configurations to the objects they describe."""

import dataclasses
from typing import Any

import keras

from igam_tf import adapters, models, training
from igam_tf.core import precision
from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError
from igam_tf.core.settings import values_of
from igam_tf.core.settings.training import (
    Adversary,
    FinalWeights,
    FinetuneSettings,
    IgamSettings,
    PlainSettings,
)
from igam_tf.data import Dataset
from igam_tf.experiments.configs import FinetuneRun, Network, RobustRun, Run, Schedule, StudentRun
from igam_tf.training.finetuning import finetune_trainer

_EPSILON: Amount = "8/255"  # of validation, where a run has no attack of its own


@dataclasses.dataclass(frozen=True)
class TrainingSetup:
    """What a run trains.

    Attributes:
      trainer: compiled, ready to fit.
      products: models that the finished run saves, by name.
      progress: optimisers, counters and more that an interrupted run restores beside the models.
      callbacks: the run's own, in the order of `fit`.
      best_weights: that one of them that restores the best epoch's weights; None for the last ones.
    """

    trainer: keras.Model
    products: dict[str, keras.Model]
    progress: dict[str, Any]
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    best_weights: training.BestWeights | None = None


def build(
    run: Run, dataset: Dataset, teacher: keras.Model | None, jit: bool = False
) -> TrainingSetup:
    """The trainer of a run on its data; called in the scope of the run's strategy.

    Args:
      teacher: the trained model that the run's configuration names; None for a `RobustRun`.
      jit: compile the step with XLA.

    Raises:
      InputError: a network, an adapter or a teacher that does not fit the data; best weights
        without a validation split.
    """
    if isinstance(run, RobustRun):
        epsilon = run.adversary.epsilon if run.adversary else _EPSILON
        return _with_final_weights(run, epsilon, dataset, _robust(run, dataset, jit))
    assert teacher is not None
    if isinstance(run, FinetuneRun):
        return _finetune(run, dataset, teacher, jit)
    return _with_final_weights(run, _EPSILON, dataset, _student(run, dataset, teacher, jit))


def network(config: Network, dataset: Dataset) -> keras.Model:
    """An untrained classifier for a data set: images in its pixel range, logits out."""
    if config.kind == "wide_resnet":
        model = models.wide_resnet(
            dataset.num_classes,
            config.width,
            config.blocks,
            dataset.image_shape,
            config.normalization,
        )
    elif config.kind == "mnist_cnn":
        model = models.mnist_cnn(dataset.num_classes, config.channels, config.hidden)
    else:
        return models.user_network(
            config.kind,
            dataset.image_shape,
            dataset.num_classes,
            dataset.bounds,
            config.initial_weights,
        )
    if tuple(model.input_shape[1:]) != dataset.image_shape:
        raise InputError(
            f"network: {config.kind} takes {model.input_shape[1:]}, "
            f"{dataset.name} has {dataset.image_shape}"
        )
    return model


def optimizer(schedule: Schedule, rates: Any = None) -> keras.optimizers.Optimizer:
    """The schedule's optimizer; `rates` replaces its learning rates."""
    rates = rates or training.SteppedSchedule(schedule.learning_rates, schedule.boundaries)
    if schedule.optimizer == "momentum":
        return training.Momentum(rates)
    if schedule.optimizer == "adam":
        return keras.optimizers.Adam(rates, epsilon=1e-8)  # TensorFlow 1's epsilon
    return keras.optimizers.SGD(rates, momentum=0.9)


def _robust(run: RobustRun, dataset: Dataset, jit: bool) -> TrainingSetup:
    with precision.building(run.precision):
        model = network(run.network, dataset)
    adversary = run.adversary or Adversary()
    amounts = {
        name: dataset.bounds.amount(getattr(adversary, name), name)
        for name in ("epsilon", "step_size")
    }
    trainer = training.AdversarialTrainer(
        model, **{**values_of(adversary), **amounts}, **values_of(run, PlainSettings)
    )
    trainer.compile(optimizer(run.schedule), jit_compile=jit, sync_batchnorm=run.sync_batchnorm)
    return TrainingSetup(
        trainer, {"model": model}, {"optimizer": trainer.optimizer, "iteration": trainer.iteration}
    )


def _finetune(run: FinetuneRun, dataset: Dataset, teacher: keras.Model, jit: bool) -> TrainingSetup:
    if run.normalization is not None:
        teacher = models.renormalized(teacher, run.normalization)
    if run.precision != "float32":
        teacher = precision.rebuilt(teacher, run.precision)
    adapter, settings = adapters.parse(run.adapter), values_of(run, FinetuneSettings)
    trainer = finetune_trainer(
        teacher, dataset.num_classes, adapter, dataset.image_shape, dataset.bounds, **settings
    )
    trainer.compile(optimizer(run.schedule), jit_compile=jit, sync_batchnorm=run.sync_batchnorm)
    return TrainingSetup(
        trainer,
        {"model": trainer.model},
        {"optimizer": trainer.optimizer, "iteration": trainer.iteration},
    )


def _student(run: StudentRun, dataset: Dataset, teacher: keras.Model, jit: bool) -> TrainingSetup:
    height, width, channels = dataset.image_shape
    window = (run.gradient_crop or height, run.gradient_crop or width, channels)
    with precision.building(run.precision):
        student = network(run.network, dataset)
        discriminator = models.discriminator(window, run.disc_layers, run.disc_channels)
    trainer = training.Igam(
        student,
        teacher,
        discriminator,
        adapter=adapters.parse(run.adapter),
        **values_of(run, IgamSettings),
    )
    rates = trainer.discriminator_schedule(
        list(run.schedule.learning_rates), list(run.schedule.boundaries)
    )
    trainer.compile(
        optimizer(run.schedule),
        optimizer(run.schedule, rates),
        jit_compile=jit,
        sync_batchnorm=run.sync_batchnorm,
    )
    return TrainingSetup(
        trainer,
        {"model": student, "discriminator": discriminator},
        {
            "optimizer": trainer.student_optimizer,
            "discriminator_optimizer": trainer.discriminator_optimizer,
            "iteration": trainer.iteration,
        },
    )


def _with_final_weights(
    run: FinalWeights, epsilon: Amount, dataset: Dataset, setup: TrainingSetup
) -> TrainingSetup:
    """The setup with callbacks that average weights, validate, and record the best weights.

    Their variables join `progress`, so that a resumed run has them.
    """
    callbacks: list[keras.callbacks.Callback] = []
    progress, best = dict(setup.progress), None
    if run.ema:
        average = training.WeightAverage(run.ema)
        average.set_model(setup.trainer)
        callbacks.append(average)
        progress["weight_average"] = average.state
    for name in ("validation_attack", "validation_epsilon", "validation_examples"):
        if not run.best_weights and getattr(run, name) != getattr(FinalWeights, name):
            raise InputError(f"{name}: it needs --best_weights")
    if run.best_weights:
        if dataset.validation is None:
            raise InputError(
                f"best_weights: {dataset.name} has no validation split; --validation=0.1 holds out "
                "a tenth of its training images"
            )
        radius = run.validation_epsilon if run.validation_epsilon is not None else epsilon
        amount = dataset.bounds.amount(radius, "validation_epsilon")
        validation = training.RobustValidation(
            dataset,
            run.validation_attack,
            epsilon=amount,
            step_size=amount / 4,
            num_examples=run.validation_examples,
        )
        best = training.BestWeights(f"val_{validation.attack.name}", restore_best_weights=False)
        best.set_model(setup.trainer)
        callbacks += [validation, best]
        progress["best_weights"] = best.state
    return dataclasses.replace(
        setup, progress=progress, callbacks=tuple(callbacks), best_weights=best
    )
