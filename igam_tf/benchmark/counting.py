"""Arithmetic and memory of a training step, counted from the models' layers.

A unit is one forward pass of a network's convolutions and dense layers, two operations for each
multiplication with its addition. All else (normalisation, activations, losses, optimisers) is left
out: it is what a step's share of the convolution peak pays for. In units:

* a gradient with respect to a layer's inputs costs as much as its forward pass, one with respect to
  its weights too;
* a plain step is 3: forward, inputs, weights. An input gradient is 2: forward, inputs;
* a PGD-k step is k input gradients and a plain step: 2k + 3;
* the student's part of an IGAM step is 6: forward; J_s (inputs); then the loss backwards through
  J_s, whose convolutions each have two operands: the weights (weights) and the gradient that came
    from above (as dear as forward); and from there
  backwards through the forward pass (inputs, weights). The teacher's J_t adds 2 of its own units;
* the discriminator sees two gradients an image: forward and inputs in the student's step; forward,
  inputs and weights in its own, where the release also computes J_s anew (2 of the student's
  units).

The first layer's share of inputs in a plain step, which nobody needs, is counted all the same: 0.6
% of a network.
"""

import dataclasses
import math
from typing import Any

import keras

from igam_tf.adapters import TransposedConv
from igam_tf.core.structure import walk

PLAIN, INPUT_GRADIENT, STUDENT = 3, 2, 6


def leaves(model: Any) -> list[Any]:
    """The layers that compute, those of nested models too, in their order."""
    return [
        layer
        for layer in walk(model)
        if not getattr(layer, "layers", None) and not isinstance(layer, keras.layers.InputLayer)
    ]


def forward_flops(model: Any) -> int:
    """Operations of the convolutions and dense layers in one forward pass of one image."""
    return sum(map(_flops, leaves(model)))


def _flops(layer: Any) -> int:
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        return 0
    # A transposed convolution uses its whole kernel at every place of its input, the others at
    # every one of their output.
    at = (
        layer.input
        if isinstance(layer, (keras.layers.Conv2DTranspose, TransposedConv))
        else layer.output
    )
    return 2 * _size(kernel.shape) * _size(at.shape[:-1])


@dataclasses.dataclass(frozen=True)
class NetworkSize:
    """A network's operations and bytes of all layers' outputs in a forward pass of one image, and
    bytes of its variables.
    """

    flops: int = 0
    outputs: int = 0
    variables: int = 0

    @classmethod
    def of(cls, model: Any) -> "NetworkSize":
        outputs = sum(
            _size(layer.output.shape) * _WIDTHS[layer.compute_dtype] for layer in leaves(model)
        )
        return cls(forward_flops(model), outputs, 4 * model.count_params())


_WIDTHS = {"float64": 8, "float32": 4, "bfloat16": 2}


def _size(shape: tuple[int | None, ...]) -> int:
    return math.prod(side for side in shape if side is not None)


@dataclasses.dataclass(frozen=True)
class StepCost:
    """Of one step of a batch: operations, and the most memory that its tensors take by the model
    below, in bytes.

    Variables of a trained network are counted three times: themselves, their momentum and their
    gradients. Every layer's output is there once for each pass that later ones go back through: the
    forward pass of a plain step, forward pass and J_s of an IGAM step; J_t's forward pass is added,
    for the graph may run it beside the student's. What is short-lived, the convolutions' own
    workspaces, the allocator's gaps and the process itself are not in it.
    """

    flops: int
    memory: int


def plain(network: NetworkSize, batch: int, attack_steps: int = 0) -> StepCost:
    """A step of plain or, with steps of PGD before it, of adversarial training; a PGD step leaves
    nothing behind.
    """
    units = INPUT_GRADIENT * attack_steps + PLAIN
    return StepCost(units * network.flops * batch, 3 * network.variables + network.outputs * batch)


def input_gradients(network: NetworkSize, batch: int, count: int) -> StepCost:
    return StepCost(
        INPUT_GRADIENT * count * network.flops * batch, network.variables + network.outputs * batch
    )


def igam(
    student: NetworkSize,
    teacher: NetworkSize,
    judge: NetworkSize,
    batch: int,
    judge_steps: bool,
    second_forward: bool,
) -> StepCost:
    """An iteration, with or without the discriminator's step; `second_forward`: that one computes
    J_s anew.
    """
    flops = STUDENT * student.flops + INPUT_GRADIENT * teacher.flops + 2 * 2 * judge.flops
    if judge_steps:
        flops += 2 * 3 * judge.flops + (INPUT_GRADIENT * student.flops if second_forward else 0)
    variables = 3 * student.variables + teacher.variables + 3 * judge.variables
    outputs = 2 * student.outputs + teacher.outputs + 2 * judge.outputs
    return StepCost(flops * batch, variables + outputs * batch)
