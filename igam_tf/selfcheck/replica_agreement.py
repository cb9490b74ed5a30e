"""The IGAM step on two replicas against the same step on one device."""

import multiprocessing
import os
from collections.abc import Iterator

import tensorflow as tf

from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.selfcheck.device_modes import REFERENCE, DeviceMode
from igam_tf.selfcheck.findings import CheckFinding, DeviationLimits, deviation_finding
from igam_tf.selfcheck.matching_step import MatchingParts, MatchingStep, relative
from igam_tf.training import strategies

LIMITS = DeviationLimits(1e-9, 1e-6)  # in float64, with synchronised BatchNorm


def check(parts: MatchingParts) -> Iterator[CheckFinding]:
    """On two GPUs; without them on two logical devices of the CPU, in another process if this one
    has started TensorFlow with a single one.
    """
    kind = "GPU" if len(tf.config.list_physical_devices("GPU")) > 1 else "CPU"
    if kind == "GPU" or len(tf.config.list_logical_devices("CPU")) > 1:
        deviation = deviation_of_replicas(parts)
    else:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            deviation = pool.apply(_on_cpu, (parts,))
    yield deviation_finding(
        f"two replicas ({kind}s)", "the update deviates from one device's by", deviation, LIMITS
    )


def deviation_of_replicas(parts: MatchingParts) -> float:
    """The relative deviation of the student's update on two replicas, in float64."""
    strategy = strategies.strategy_of(DistributionSettings(strategy="mirrored", replicas=2))
    assert strategy is not None
    # A strategy places variables itself: no device is named.
    replicated = MatchingStep(parts, DeviceMode("", "float64"), strategy.scope())
    single = MatchingStep(parts, REFERENCE)
    weights = single.weights
    return relative(replicated.gradient(weights, 1.0), single.gradient(weights, 1.0))


def _on_cpu(parts: MatchingParts) -> float:
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # before TensorFlow looks for devices
    strategies.resolved(DistributionSettings(strategy="mirrored", replicas=2))
    return deviation_of_replicas(parts)
