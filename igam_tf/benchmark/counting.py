"""Arithmetic and memory of a training step, counted from the models' layers.

A unit is one forward pass of a network's convolutions and dense layers, two operations for each
multiplication with its addition. Normalisation, activations, losses and optimisers are not counted:
a step's share of the convolution peak shows what they cost. In units:

* a gradient with respect to a layer's inputs costs as much as its forward pass, one with respect to
  its weights too;
* a plain step is 3: forward, inputs, weights. An input gradient is 2: forward, inputs;
* a PGD-k step is k input gradients and a plain step: 2k + 3;
* the student's part of an IGAM step is 6: forward; J_s (inputs); backwards through J_s, whose
  convolutions have two operands each, the weights (weights) and the gradient from above (as
  forward); backwards through the forward pass (inputs, weights). The teacher's J_t adds 2 of its
  own units;
* the discriminator takes two gradients for each image: forward and inputs in the student's step;
  forward, inputs and weights in its own. There the release also computes J_s once more (2 of the
  student's units).

The first layer's gradient with respect to the images is counted as operations in a plain step too,
which does not compute it: 0.6 % of a network.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras

from igam_tf.adapters import TransposedConv
from igam_tf.benchmark.convolutions import Convolution
from igam_tf.core.structure import walk


@dataclasses.dataclass(frozen=True)
class ConvolutionPasses:
    """How often a step runs the convolutions of a network, by kind.

    Attributes:
      forward: passes forward, also backwards through J_s.
      inputs: gradients with respect to a layer's inputs.
      weights: gradients with respect to its weights.
      images: how many of `inputs` go down to the images, through the first layer.
    """

    forward: int
    inputs: int
    weights: int = 0
    images: int = 0

    @property
    def units(self) -> int:
        return self.forward + self.inputs + self.weights

    def __add__(self, other: "ConvolutionPasses") -> "ConvolutionPasses":
        return ConvolutionPasses(
            self.forward + other.forward,
            self.inputs + other.inputs,
            self.weights + other.weights,
            self.images + other.images,
        )

    def __mul__(self, times: int) -> "ConvolutionPasses":
        return ConvolutionPasses(
            times * self.forward, times * self.inputs, times * self.weights, times * self.images
        )


PLAIN = ConvolutionPasses(1, 1, 1)
INPUT_GRADIENT = ConvolutionPasses(1, 1, images=1)
STUDENT = ConvolutionPasses(2, 2, 2, images=1)


def leaves(model: Any) -> list[Any]:
    """The layers that compute, also those of nested models, in their order."""
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
    # A transposed convolution uses its whole kernel at each place of its input, the others at each
    # place of their output.
    is_transposed = isinstance(layer, (keras.layers.Conv2DTranspose, TransposedConv))
    places = (layer.input if is_transposed else layer.output).shape[:-1]
    return 2 * _size(kernel.shape) * _size(places)


@dataclasses.dataclass(frozen=True)
class NetworkSize:
    """A network's cost.

    Attributes:
      flops: operations of a forward pass of one image.
      outputs: bytes of all layers' outputs in that pass.
      variables: bytes of the variables.
      convolutions: all of them, the one on the images first.
    """

    flops: int = 0
    outputs: int = 0
    variables: int = 0
    convolutions: tuple[Convolution, ...] = ()

    @classmethod
    def of(cls, model: Any) -> "NetworkSize":
        outputs = sum(
            _size(layer.output.shape) * _WIDTHS[layer.compute_dtype] for layer in leaves(model)
        )
        convolutions = tuple(
            Convolution.of(layer) for layer in leaves(model) if type(layer) is keras.layers.Conv2D
        )
        return cls(forward_flops(model), outputs, 4 * model.count_params(), convolutions)


_WIDTHS = {"float64": 8, "float32": 4, "bfloat16": 2}


def _size(shape: tuple[int | None, ...]) -> int:
    return math.prod(side for side in shape if side is not None)


@dataclasses.dataclass(frozen=True)
class StepCost:
    """The cost of one step of a batch.

    Attributes:
      flops: operations.
      memory: the most bytes of its tensors, by this model: a trained network's variables count
        three times, with their momentum and gradients. Every layer's output counts once for each
        pass that is differentiated: the forward pass of a plain step; forward pass and J_s of an
        IGAM step. J_t's forward pass is added, for the graph may run it beside the student's.
        Short-lived tensors, workspaces of convolutions, gaps of the allocator and the process
        itself are not counted.
      passes: of the convolutions of each network.
    """

    flops: int
    memory: int
    passes: tuple[tuple[NetworkSize, ConvolutionPasses], ...] = ()

    @classmethod
    def of(
        cls, batch: int, memory: int, *passes: tuple[NetworkSize, ConvolutionPasses]
    ) -> "StepCost":
        flops = sum(network.flops * each.units for network, each in passes)
        return cls(flops * batch, memory, passes)

    @property
    def convolutions(self) -> list[Convolution]:
        return [each for network, _ in self.passes for each in network.convolutions]

    def attainable(self, seconds: Mapping[tuple[Convolution, str], float]) -> float:
        """Seconds of all convolutions, each as fast as alone.

        Args:
          seconds: of a pass of the batch, by convolution and kind.
        """
        total = 0.0
        for network, passes in self.passes:
            for index, convolution in enumerate(network.convolutions):
                total += passes.forward * seconds[convolution, "forward"]
                total += (passes.inputs if index else passes.images) * seconds[
                    convolution, "inputs"
                ]
                total += passes.weights * seconds[convolution, "weights"]
        return total


def plain(network: NetworkSize, batch: int, attack_steps: int = 0) -> StepCost:
    """A step of plain training, or of adversarial training with `attack_steps` PGD steps.

    A PGD step adds no memory: its tensors are freed before the next.
    """
    memory = 3 * network.variables + network.outputs * batch
    return StepCost.of(batch, memory, (network, INPUT_GRADIENT * attack_steps + PLAIN))


def input_gradients(network: NetworkSize, batch: int, count: int) -> StepCost:
    memory = network.variables + network.outputs * batch
    return StepCost.of(batch, memory, (network, INPUT_GRADIENT * count))


def igam(
    student: NetworkSize,
    teacher: NetworkSize,
    judge: NetworkSize,
    batch: int,
    judge_steps: bool,
    second_forward: bool,
) -> StepCost:
    """An iteration of IGAM.

    Args:
      judge_steps: whether the discriminator (`judge`) has a step in it.
      second_forward: whether that step computes J_s once more.
    """
    of_student, of_judge = STUDENT, INPUT_GRADIENT * 2
    if judge_steps:
        of_judge += PLAIN * 2
        of_student += INPUT_GRADIENT * second_forward
    variables = 3 * student.variables + teacher.variables + 3 * judge.variables
    outputs = 2 * student.outputs + teacher.outputs + 2 * judge.outputs
    return StepCost.of(
        batch,
        variables + outputs * batch,
        (student, of_student),
        (teacher, INPUT_GRADIENT),
        (judge, of_judge),
    )
