"""Input gradient adversarial matching (paper §4.2, Algorithm 1): phase 2 as a Keras trainer."""

import types
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from igam_tf import adapters, gradients, layers, losses
from igam_tf.core.errors import InputError
from igam_tf.core.settings import constructor
from igam_tf.core.settings.training import IgamSettings
from igam_tf.training import checks, replicas
from igam_tf.training.matching_trainer import MatchingTrainer
from igam_tf.training.optimizers import Momentum, SteppedSchedule
from igam_tf.training.trainer import Parts, regularized

# Parts of the loss; the share of iterations that matched; the discriminator's accuracy (0.5 is
# chance); cosine and l2 norms of the gradients.
PARTS = (
    *("loss", "xent", "adv", "diff", "matching", "disc_accuracy"),
    *("cosine", "student_norm", "teacher_norm"),
)
_PARTS_OF_EVERY_STEP = ("loss", "xent", "matching")


@constructor(IgamSettings)
class Igam(MatchingTrainer):
    """Trains a student whose input gradients a discriminator cannot tell from a robust teacher's.

    The trainer of the command `train_student` (configuration: `StudentRun`). One step is one
    iteration: a student step on

        mean cross-entropy + weight_decay * decay + lambda_adv * L_adv + lambda_diff * L_diff

    then, on every `disc_every`-th iteration (counted from 0), a discriminator step on the same
    batch. The student runs with batch statistics and updates its moving averages; nothing is
    written to the teacher.

    Args:
      student: Keras model, images [B, H, W, C] to logits.
      teacher: frozen model of the same classes. Without `adapter` it takes the student's images.
      discriminator: input gradients to two logits (`igam_tf.models.discriminator`).
      adapter: affine map from the student's images to the teacher's input. J_t is taken through it,
        with respect to the student's pixels. A random pad, here or in the teacher, draws a place at
        each iteration.
      {settings}

    Published lambdas hold for images in [0, 255] only: gradients with respect to [0, 1] pixels are
    255 times larger.

    Student and discriminator are trained in place. `optimizer` is the student's: callbacks that set
    a learning rate reach it and not the discriminator's. The teacher and its adapter are no part of
    the trainer's weights and checkpoints.

    Sample and class weights multiply each image's cross-entropy and its share of L_diff; L_adv and
    the discriminator's step stay unweighted.

    `evaluate` and `validation_data` give the whole objective, also before matching begins: the
    student with its moving averages, the teacher in the protocol's mode with random pads at the
    centre, the discriminator with the batch's statistics. Under the release's sums `diff` grows
    with the batch.

    Raises:
      InputError: a setting out of its range, models whose shapes do not fit each other, or a model
        that ends in a softmax or computes in float16.
    """

    _product = "student"

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        discriminator: keras.Model,
        *,
        adapter: keras.layers.Layer | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(student, PARTS, "igam")
        self.settings = IgamSettings(**settings)
        self.protocol = self.settings.bundle()
        for model in (student, discriminator):
            if stock := layers.stock_batchnorms(model):
                warnings.warn(
                    f"{model.name}: stock BatchNormalization layers ({', '.join(stock)}) get the "
                    "second derivatives wrong that matching needs; "
                    "igam_tf.layers.exact_batchnorm(model) converts them",
                    stacklevel=2,
                )
        layers.check_statistics(self.protocol.teacher_statistics, teacher)
        for model in (teacher, discriminator):
            checks.require_trainable(model)
        self.student = student
        self.discriminator = discriminator
        # Keras does not look for weights in a namespace.
        self._frozen = types.SimpleNamespace(teacher=teacher, adapter=adapter)
        self._check_shapes()

    @property
    def teacher(self) -> keras.Model:
        return self._frozen.teacher

    @property
    def adapter(self) -> keras.layers.Layer | None:
        return self._frozen.adapter

    def __dir__(self) -> Iterable[str]:
        """Without the frozen models: Keras saves the weights of everything that `dir` lists."""
        return [name for name in super().__dir__() if name not in ("teacher", "adapter")]

    @property
    def student_optimizer(self) -> keras.optimizers.Optimizer:
        return self.optimizer

    def _check_shapes(self) -> None:
        image = self.student.input_shape[1:]
        batch = keras.KerasTensor((None, *image), dtype="float32")
        side = self.settings.gradient_crop
        window = tuple((batch if side is None else adapters.CenterCrop(side)(batch)).shape[1:])
        if (expected := tuple(self.discriminator.input_shape[1:])) != window:
            raise InputError(f"discriminator: it takes {expected}, the gradients are {window}")
        adapted = tuple((batch if self.adapter is None else self.adapter(batch)).shape[1:])
        if (expected := tuple(self.teacher.input_shape[1:])) != adapted:
            raise InputError(
                f"teacher: it takes {expected}, the adapter gives {adapted} for {image} images"
            )
        classes = [model.output_shape[-1] for model in (self.student, self.teacher)]
        if classes[0] != classes[1]:
            raise InputError(
                f"classes: the student has {classes[0]}, the teacher {classes[1]}; "
                "fine-tune the teacher on the target task first"
            )

    def compile(  # type: ignore[override]  # two optimisers where others have one
        self, student_optimizer: Any = None, discriminator_optimizer: Any = None, **kwargs: Any
    ) -> None:
        """Sets the two optimisers, by default `Momentum(0.1)` each; the rest as `Trainer.compile`.

        Keras calls a learning-rate schedule with the optimiser's own update count. The
        discriminator steps less often than the student: `discriminator_schedule` translates.

        Raises:
          InputError: as `Trainer.compile`; one optimiser for both models.
        """
        optimizers = keras.optimizers.Optimizer
        shared = student_optimizer is discriminator_optimizer and isinstance(
            student_optimizer, optimizers
        )
        if "optimizer" in kwargs or shared:
            raise InputError(
                "compile: expected student_optimizer and discriminator_optimizer, "
                "one of its own for each"
            )
        self.discriminator_optimizer = keras.optimizers.get(discriminator_optimizer or Momentum())
        super().compile(student_optimizer, **kwargs)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def _models(self) -> list[keras.Model]:
        return [self.student, self.teacher, self.discriminator]

    def _trained_layers(self) -> list[keras.Model]:
        return [self.student, self.discriminator]

    def _optimizers(self) -> list[keras.optimizers.Optimizer]:
        return [self.optimizer, self.discriminator_optimizer]

    def _variables_in_scope(self) -> list[keras.Variable]:
        adapter = [] if self.adapter is None else self.adapter.variables
        return [*super()._variables_in_scope(), *adapter]

    def discriminator_schedule(self, values: list[float], boundaries: list[int]) -> SteppedSchedule:
        """The student's schedule for the discriminator, by the trainer's iterations.

        As in the release, the discriminator's step comes after the student's has raised the count.
        """
        every = self.settings.disc_every
        first = -(-self.settings.steps_before_matching // every) * every
        return SteppedSchedule(values, boundaries, every=every, start=first + 1)

    def _counts(self, parts: Parts) -> Mapping[str, tf.Tensor]:
        """Parts of the matching step are averaged over the iterations that matched."""
        return {name: parts["matching"] for name in PARTS if name not in _PARTS_OF_EVERY_STEP}

    def _plain_step(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = self.student(x, training=True)
            xent = losses.mean_cross_entropy(y, logits, weights)
            loss = regularized(
                xent + self.settings.weight_decay * losses.weight_decay(self.student), self.student
            )
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trained_variables
        replicas.apply(self.optimizer, tape.gradient(scaled, variables), variables)
        parts = {"loss": loss, "xent": xent}
        zero = tf.zeros((), self.compute_dtype)
        return {name: parts.get(name, zero) for name in PARTS}, logits

    def _student_step(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """The student's update: numbers to report, logits, and the student's and teacher's J."""
        # Outside the tape: no gradients of the teacher's weights are computed.
        teacher_gradient = self._teacher_gradient(x, y)
        with tf.GradientTape() as tape:
            logits, student_gradient = self._student_gradient(x, y)
            parts = self._objective(y, logits, student_gradient, teacher_gradient, weights)
            scaled = self.optimizer.scale_loss(parts["loss"])
        variables = self.trained_variables
        replicas.apply(self.optimizer, tape.gradient(scaled, variables), variables)
        parts = {
            **parts,
            "matching": tf.ones((), self.compute_dtype),
            **_geometry(student_gradient, teacher_gradient),
        }
        return parts, logits, (student_gradient, teacher_gradient)

    def _validate(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        teacher_gradient = self._teacher_gradient(x, y)
        logits, student_gradient = self._student_gradient(x, y, training=False)
        parts = self._objective(
            y, logits, student_gradient, teacher_gradient, weights, training=False
        )
        return {**parts, **_geometry(student_gradient, teacher_gradient)}, logits

    def _teacher_gradient(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        if self.settings.matched_to == "zero":
            return tf.zeros_like(x)
        gradient = gradients.input_gradient(
            self.teacher,
            x,
            y,
            self.protocol.gradient_of,
            self.protocol.teacher_statistics,
            self.adapter,
        )
        return replicas.rolled(gradient) if self.settings.matched_to == "other_images" else gradient

    def _student_gradient(
        self, x: tf.Tensor, y: tf.Tensor, training: bool = True
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits and input gradient from one forward pass."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            logits = (
                self.student(x, training=True) if training else gradients.logits_of(self.student, x)
            )
            target = gradients.summed_target(self.protocol.gradient_of, y, logits)
        return logits, tape.gradient(target, x)

    def _discriminator_logits(
        self, student_gradient: tf.Tensor, teacher_gradient: tf.Tensor, training: bool = True
    ) -> tf.Tensor:
        """Logits [2B, 2]: of the student's gradients first, then of the teacher's."""
        inputs = tf.concat([student_gradient, teacher_gradient], 0)
        if self.settings.gradient_crop is not None:
            inputs = adapters.center_crop(inputs, self.settings.gradient_crop)
        if training:
            return self.discriminator(inputs, training=True)
        # Stock layers cannot use the batch's statistics without an update.
        statistics = "moving" if layers.stock_batchnorms(self.discriminator) else "batch"
        return gradients.logits_of(self.discriminator, inputs, statistics)

    def _objective(
        self,
        y: tf.Tensor,
        logits: tf.Tensor,
        student_gradient: tf.Tensor,
        teacher_gradient: tf.Tensor,
        weights: tf.Tensor | None = None,
        training: bool = True,
    ) -> Parts:
        judged = self._discriminator_logits(student_gradient, teacher_gradient, training)
        xent = losses.mean_cross_entropy(y, logits, weights)
        adversarial = -losses.discriminator_loss(judged)
        if self.protocol.adversarial_reduction == "sum":
            adversarial *= 2.0
        difference = losses.gradient_difference(
            student_gradient, teacher_gradient, self.protocol.diff_reduction, weights
        )
        if self.protocol.diff_reduction == "sum":
            difference = replicas.local_sum(difference, y)
        loss = (
            xent
            + self.settings.weight_decay * losses.weight_decay(self.student)
            + self.settings.lambda_adv * adversarial
            + self.settings.lambda_diff * difference
        )
        right = tf.argmax(judged, -1, tf.int32) == losses.discriminator_labels(judged)
        return {
            "loss": regularized(loss, self.student),
            "xent": xent,
            "adv": adversarial,
            "diff": difference,
            "disc_accuracy": tf.reduce_mean(tf.cast(right, self.compute_dtype)),
        }

    def _discriminator_step(
        self, x: tf.Tensor, y: tf.Tensor, student_gradient: tf.Tensor, teacher_gradient: tf.Tensor
    ) -> None:
        if self.protocol.discriminator_update == "second_forward":
            _, student_gradient = self._student_gradient(x, y)
        variables = self.discriminator.trainable_variables
        with tf.GradientTape() as tape:
            judged = self._discriminator_logits(
                tf.stop_gradient(student_gradient), teacher_gradient
            )
            loss = losses.discriminator_loss(judged)
            loss += self.settings.weight_decay * losses.weight_decay(self.discriminator)
            loss = regularized(loss, self.discriminator)
            scaled = self.discriminator_optimizer.scale_loss(loss)
        replicas.apply(self.discriminator_optimizer, tape.gradient(scaled, variables), variables)


def _geometry(student_gradient: tf.Tensor, teacher_gradient: tf.Tensor) -> dict[str, tf.Tensor]:
    """Mean cosine and mean l2 norms of the two batches of gradients, image by image."""
    student = tf.reshape(student_gradient, [tf.shape(student_gradient)[0], -1])
    teacher = tf.reshape(teacher_gradient, [tf.shape(teacher_gradient)[0], -1])
    student_norm, teacher_norm = tf.norm(student, axis=-1), tf.norm(teacher, axis=-1)
    cosine = tf.math.divide_no_nan(
        tf.reduce_sum(student * teacher, -1), student_norm * teacher_norm
    )
    return {
        "cosine": tf.reduce_mean(cosine),
        "student_norm": tf.reduce_mean(student_norm),
        "teacher_norm": tf.reduce_mean(teacher_norm),
    }
