"""PGD by other libraries, each called as its documentation says. This package needs none of them.

A function takes the task and returns the attack. A library that fails is reported in one line and
not patched: its users have it as it is.
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

Attack = Callable[[int], Any]  # number of steps to adversarial images like the task's


class Unusable(Exception):
    """A peer that cannot be measured here; the message is the reason."""


def art(task: Task) -> Attack:
    """ART: `generate` batches the images itself, and classifies clean and adversarial ones."""
    evasion = _module("art.attacks.evasion", "art")
    classifier, one_hot = _art_classifier(task, task.model), _one_hot(task.labels)

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


ART_STAGES = ("art-apgd-ce", "art-apgd-dlr", "art-deepfool")
ArtStage = Callable[[np.ndarray, np.ndarray], np.ndarray]


def art_autoattack(task: Task, model: Any) -> dict[str, ArtStage]:
    """The attacks of ART's AutoAttack that take gradients, in its order.

    Its last one, Square with five restarts, takes none and would be most of the time.

    Args:
      model: classifies as the task's does.

    Returns:
      By name, functions of images and labels that return adversarial images.
    """
    evasion = _module("art.attacks.evasion", "art")
    classifier = _art_classifier(task, model)
    settings = {
        "norm": np.inf,
        "eps": task.epsilon,
        "eps_step": task.step_size,
        "batch_size": task.batch_size,
    }

    def stage(attack: Any) -> ArtStage:
        alone = evasion.AutoAttack(classifier, **settings, attacks=[attack])
        return lambda images, labels: np.asarray(alone.generate(images, _one_hot(labels)))

    attacks = evasion.AutoAttack(classifier, **settings).attacks
    return {name: stage(attack) for name, attack in zip(ART_STAGES, attacks, strict=False)}


def _art_classifier(task: Task, model: Any) -> Any:
    classification = _module("art.estimators.classification", "art")
    return classification.TensorFlowV2Classifier(
        model=model,
        nb_classes=CLASSES,
        input_shape=task.images.shape[1:],
        loss_object=tf.keras.losses.CategoricalCrossentropy(from_logits=True),
        clip_values=(task.bounds.low, task.bounds.high),
    )


def _one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[labels]


def cleverhans(task: Task) -> Attack:
    """CleverHans: a loop of compiled gradients, with a random start (its default has none)."""
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
    """Foolbox: an eager gradient at each step.

    On NumPy 2 its last release, 3.3.4, cannot reconcile types (np.find_common_type). Labels of
    int64, the type of its own predictions, need no such step.
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
# Distributions whose names differ from the package's.
_DISTRIBUTIONS = {"art": "adversarial-robustness-toolbox"}


def version(peer: str) -> str | None:
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(peer, peer))
    except importlib.metadata.PackageNotFoundError:
        return None


def reason(error: Exception) -> str:
    """The reason that a peer has no times, in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, Unusable) else f"{type(error).__name__}: {text}"


def _module(name: str, peer: str) -> Any:
    if version(peer) is None:
        raise Unusable("not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART warns of every other framework that is absent
        return importlib.import_module(name)
