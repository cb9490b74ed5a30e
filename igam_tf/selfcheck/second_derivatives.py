"""The gradient of an IGAM step, whose second derivatives count, against finite differences."""

from collections.abc import Iterator, Sequence

import numpy as np

from igam_tf.selfcheck.device_modes import REFERENCE, DeviceMode
from igam_tf.selfcheck.findings import CheckFinding, DeviationLimits, deviation_finding
from igam_tf.selfcheck.matching_step import Arrays, MatchingParts, MatchingStep, relative

# Of the gradient. bfloat16 had 0.02 to 0.3 on processors with and without it; TF32 rounds to three
# bits more, and has not been measured.
LIMITS = {
    "float64": DeviationLimits(1e-6, 1e-5),
    "float32": DeviationLimits(1e-4, 1e-3),
    "TF32": DeviationLimits(0.05, 0.5),
    "bfloat16": DeviationLimits(0.5, 1.0),
}
# Of logits and input gradients. A processor with AMX had 0.13 in bfloat16.
OUTPUT_BOUNDS = {
    "float64": DeviationLimits(1e-9, 1e-6),
    "float32": DeviationLimits(1e-4, 1e-3),
    "TF32": DeviationLimits(0.02, 0.2),
    "bfloat16": DeviationLimits(0.3, 0.6),
}
_DIRECTIONS = 4
_STEPS = (1e-6, 1e-7, 1e-8)  # of a weight's own size; the loss jumps at the kinks of a leaky ReLU


def check(
    subject: str, parts: MatchingParts, modes: Sequence[DeviceMode]
) -> Iterator[CheckFinding]:
    """The slopes of the loss in random directions: by differences in float64, and in each mode.

    The deviation of the slopes is that of the whole gradient, up to the choice of directions.
    """
    reference = MatchingStep(parts, REFERENCE)
    weights, expected = reference.weights, reference.outputs()
    rng = np.random.default_rng(1)
    directions = [
        [rng.normal(size=each.shape) * np.sqrt(np.mean(each**2)) for each in weights]
        for _ in range(_DIRECTIONS)
    ]
    differences = [_differences(reference, weights, direction) for direction in directions]
    gradient = reference.gradient(weights, 1.0)
    # A step as long as the weights themselves loses no digits of the gradient in float32.
    rate = _norm(weights) / _norm(gradient)
    for mode in modes:
        step = reference if mode == REFERENCE else MatchingStep(parts, mode)
        outputs = expected if mode == REFERENCE else step.outputs()  # the step changes weights
        gradient = step.gradient(weights, rate)
        slopes = np.array([_product(gradient, direction) for direction in directions])
        nearest = np.array([_nearest(*pair) for pair in zip(differences, slopes, strict=True)])
        yield deviation_finding(
            f"{subject}, {mode.name}",
            "the gradient deviates from finite differences by",
            relative([slopes], [nearest]),
            LIMITS[mode.kind],
        )
        if mode != REFERENCE:
            yield from _agreement(f"{subject}, {mode.name}", outputs, expected, mode.kind)


def _agreement(
    subject: str, outputs: dict[str, np.ndarray], expected: dict[str, np.ndarray], kind: str
) -> Iterator[CheckFinding]:
    """The student's outputs in a mode against those of the CPU in float64."""
    for name, values in outputs.items():
        yield deviation_finding(
            subject,
            f"{name} deviate from the CPU's in float64 by",
            relative([values], [expected[name]]),
            OUTPUT_BOUNDS[kind],
        )


def _nearest(values: Sequence[float], to: float) -> float:
    return min(values, key=lambda value: abs(value - to))


def _differences(step: MatchingStep, weights: Arrays, direction: Arrays) -> list[float]:
    """The loss' slope in a direction by central differences, one for each of `_STEPS`."""

    def loss(size: float) -> float:
        return step.loss([w + size * d for w, d in zip(weights, direction, strict=True)])

    return [(loss(size) - loss(-size)) / (2 * size) for size in _STEPS]


def _product(first: Arrays, second: Arrays) -> float:
    return float(sum(np.sum(a * b) for a, b in zip(first, second, strict=True)))


def _norm(arrays: Arrays) -> float:
    return _product(arrays, arrays) ** 0.5
