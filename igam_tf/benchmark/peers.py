"""PGD by other libraries, each called as its own documentation says; none is needed to use this
package.

An adapter takes the task and returns what attacks it with a given number of steps. What a library
cannot do here is reported in one line, and nothing in it is mended: its users have it as it is.
"""

import importlib
import importlib.metadata
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf.benchmark import contenders
from igam_tf.benchmark.task import CLASSES, Task

Attack = Callable[[int], Any]  # number of steps to the images found, like the task's


class Unusable(Exception):
    """A peer that cannot be measured here; the message is the reason."""


def art(task: Task) -> Attack:
    """ART: `generate` divides the images itself, and afterwards classifies them and those found,
    for its log.
    """
    evasion = _module("art.attacks.evasion", "art")
    classification = _module("art.estimators.classification", "art")
    classifier = classification.TensorFlowV2Classifier(
        model=task.model,
        nb_classes=CLASSES,
        input_shape=task.images.shape[1:],
        loss_object=tf.keras.losses.CategoricalCrossentropy(from_logits=True),
        clip_values=(task.bounds.low, task.bounds.high),
    )
    one_hot = np.eye(CLASSES, dtype=np.float32)[task.labels]

    def attack(steps: int) -> np.ndarray:
        return evasion.ProjectedGradientDescentTensorFlowV2(
            classifier,
            norm=np.inf,
            eps=task.epsilon,
            eps_step=task.step_size,
            max_iter=steps,
            num_random_init=1,
            batch_size=task.batch_size,
            verbose=False,
        ).generate(task.images, one_hot)

    return attack


def cleverhans(task: Task) -> Attack:
    """CleverHans: a loop of compiled gradients, with the random start that its default leaves out."""
    pgd = _module(
        "cleverhans.tf2.attacks.projected_gradient_descent", "cleverhans"
    ).projected_gradient_descent

    def attack(steps: int) -> np.ndarray:
        return task.in_batches(
            lambda images, labels: pgd(
                task.model,
                tf.constant(images),
                task.epsilon,
                task.step_size,
                steps,
                np.inf,
                clip_min=task.bounds.low,
                clip_max=task.bounds.high,
                y=tf.constant(labels),
                rand_init=True,
            )
        )

    return attack


def foolbox(task: Task) -> Attack:
    """Foolbox: an eager gradient a step.

    Its last release, 3.3.4, fails on NumPy 2 where types have to be reconciled
    (np.find_common_type); the task's int64 labels, the type of its own predictions, spare it that.
    """
    package = _module("foolbox", "foolbox")
    model = package.TensorFlowModel(task.model, (task.bounds.low, task.bounds.high))

    def attack(steps: int) -> np.ndarray:
        pgd = package.attacks.LinfPGD(abs_stepsize=task.step_size, steps=steps, random_start=True)
        return task.in_batches(
            lambda images, labels: pgd(
                model, tf.constant(images), tf.constant(labels), epsilons=task.epsilon
            )[1]
        )

    return attack


PEERS: dict[str, Callable[[Task], Attack]] = dict(
    zip(contenders.PEERS, (art, cleverhans, foolbox), strict=True)
)
_DISTRIBUTIONS = {
    "art": "adversarial-robustness-toolbox"
}  # where it has another name than the package


def version(peer: str) -> str | None:
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(peer, peer))
    except importlib.metadata.PackageNotFoundError:
        return None


def reason(error: Exception) -> str:
    """Why a peer has no figures, in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, Unusable) else f"{type(error).__name__}: {text}"


def _module(name: str, peer: str) -> Any:
    if version(peer) is None:
        raise Unusable("not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART's about every other framework that is not there
        return importlib.import_module(name)
