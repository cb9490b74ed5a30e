"""The trainer: what a step changes, what it reports, what it reduces to."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, gradients, models
from igam_tf.core import modes
from igam_tf.core.bounds import PIXELS
from igam_tf.training import AdversarialTrainer, Igam, Momentum

from .. import tiny
from .trainers import PARTS

X, Y = tiny.batch()


def stepped(trainer: Igam, steps: int = 1) -> Igam:
    for _ in range(steps):
        trainer.train_on_batch(X, Y)
    return trainer


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"steps_before_matching": 9}, id="cross-entropy first"),
        pytest.param(
            {"lambda_adv": 0.0, "lambda_diff": 0.0}, id="both weights 0", marks=pytest.mark.slow
        ),
    ],
)
def test_it_reduces_to_plain_training(settings: dict[str, float]) -> None:
    trainer = stepped(tiny.igam(weight_decay=0.01, disc_every=9, **settings), 3)
    plain = AdversarialTrainer(tiny.classifier(1), weight_decay=0.01)
    plain.compile(Momentum(0.1))
    for _ in range(3):
        plain.train_on_batch(X, Y)
    # The release's discriminator step runs the student once more, which moves its moving averages,
    # and only them.
    trained = [[v.numpy() for v in m.trainable_variables] for m in (trainer.student, plain.model)]
    assert tiny.equal(*trained)
    if "steps_before_matching" in settings:
        assert tiny.equal(tiny.values(trainer.student), tiny.values(plain.model))


def test_a_student_equal_to_its_teacher_cannot_be_told_from_it() -> None:
    trainer = tiny.igam(eager=True, student=tiny.classifier(2), teacher=tiny.classifier(2))
    logs = trainer.train_on_batch(X, Y, return_dict=True)
    assert float(logs["diff"]) == pytest.approx(0, abs=1e-12)
    assert float(logs["cosine"]) == pytest.approx(1, abs=1e-6)
    assert -float(logs["adv"]) >= np.log(2) - 1e-6
    assert float(logs["disc_accuracy"]) == 0.5


def test_the_order_within_a_batch_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(len(Y))
    first, second = tiny.igam(eager=True), tiny.igam(eager=True)
    first.train_on_batch(X, Y)
    second.train_on_batch(X[order], Y[order])
    for one, other in (
        (first.student, second.student),
        (first.discriminator, second.discriminator),
    ):
        assert tiny.relative(tiny.values(other), tiny.values(one)) < 1e-4


def test_each_model_changes_at_its_iterations_only() -> None:
    """Matching from the 2nd iteration on, the discriminator at every 3rd (counted from 0), the
    teacher never.
    """
    trainer = tiny.igam(disc_every=3, steps_before_matching=2)
    teacher = tiny.values(trainer.teacher)
    judged = []
    for iteration in range(7):
        before, weights = tiny.values(trainer.student), trainer.discriminator.trainable_variables
        judge, averages = [v.numpy() for v in weights], tiny.values(trainer.discriminator)
        stepped(trainer)
        assert not tiny.equal(tiny.values(trainer.student), before)
        if not tiny.equal([v.numpy() for v in weights], judge):
            judged.append(iteration)
        assert tiny.equal(tiny.values(trainer.discriminator), averages) is (iteration < 2)
    assert judged == [3, 6]
    assert int(trainer.discriminator_optimizer.iterations) == 2
    assert int(trainer.student_optimizer.iterations) == int(trainer.iteration) == 7
    assert tiny.equal(tiny.values(trainer.teacher), teacher)


def test_metrics_of_matching_are_means_over_matching_iterations() -> None:
    trainer = tiny.igam(0.0, True, steps_before_matching=2, weight_decay=0.01)
    late = trainer.fit(
        np.tile(X, (4, 1, 1, 1)), np.tile(Y, 4), batch_size=len(Y), shuffle=False, verbose=0
    ).history
    alone = {
        name: float(value) for name, value in trainer.train_on_batch(X, Y, return_dict=True).items()
    }
    assert late["matching"] == [0.5]
    for name in ("adv", "diff", "disc_accuracy", "cosine", "student_norm", "teacher_norm"):
        assert late[name] == pytest.approx([alone[name]], rel=1e-5), name
    decay = (
        0.01
        * 0.5
        * sum(np.sum(v.numpy() ** 2) for v in trainer.student.weights if v.path.endswith("kernel"))
    )
    assert alone["loss"] == pytest.approx(
        alone["xent"] + decay + alone["adv"] + 1000 * alone["diff"], rel=1e-5
    )


def test_compiled_or_not_a_step_is_the_same() -> None:
    compiled, eager = stepped(tiny.igam()), stepped(tiny.igam(eager=True))
    for one, other in (
        (compiled.student, eager.student),
        (compiled.discriminator, eager.discriminator),
    ):
        assert tiny.relative(tiny.values(one), tiny.values(other)) < 1e-5


def mean_norm(gradient: tf.Tensor) -> float:
    return float(np.mean(np.linalg.norm(np.reshape(gradient, (len(gradient), -1)), axis=1)))


def test_the_teachers_gradient_is_taken_through_the_adapter_and_cropped_for_the_discriminator() -> (
    None
):
    adapter = keras.Sequential(
        [adapters.ChannelMean(), adapters.CenterCrop(4), adapters.Scale(1 / 255)]
    )
    teacher = tiny.classifier(2, (4, 4, 1), 1.0)
    trainer = tiny.igam(
        0.0, True, teacher=teacher, adapter=adapter, gradient_crop=4, disc_shape=(4, 4, 3)
    )
    logs = trainer.train_on_batch(X, Y, return_dict=True)
    student = gradients.input_gradient(trainer.student, X, Y, statistics="batch")
    expected = gradients.input_gradient(teacher, X, Y, statistics="batch", adapter=adapter)
    assert float(logs["diff"]) == pytest.approx(float(np.sum((student - expected) ** 2)), rel=1e-4)
    window = np.concatenate([student, expected])[:, 2:6, 2:6]
    logits = gradients.logits_of(trainer.discriminator, window, "batch").numpy()
    signed = np.where(np.arange(len(logits)) < len(Y), 1, -1) * (logits[:, 0] - logits[:, 1])
    assert -float(logs["adv"]) == pytest.approx(np.mean(np.logaddexp(0, -signed)), rel=1e-3)


@pytest.mark.parametrize("inside", [False, True], ids=["an adapter", "in the teacher"])
def test_a_random_pad_has_one_place_at_every_iteration(inside: bool) -> None:
    adapter, teacher = adapters.parse(("pad_random:12",)), tiny.classifier(2, (12, 12, 3))
    settings = {"teacher": models.adapted(teacher, adapter, tiny.SHAPE, PIXELS)}
    if not inside:
        settings = {"teacher": teacher, "adapter": adapter}
    trainer = tiny.igam(0.0, True, steps_before_matching=1, **settings)
    before, norms = tiny.values(trainer.teacher), []
    for iteration in range(5):
        trainer.reset_metrics()
        logs = trainer.train_on_batch(X, Y, return_dict=True)
        with modes.in_mode(step=iteration):
            expected = gradients.input_gradient(teacher, X, Y, statistics="batch", adapter=adapter)
        norms.append(float(logs["teacher_norm"]))
        assert norms[-1] == pytest.approx(mean_norm(expected) if iteration else 0, rel=1e-5)
    assert len(set(norms)) == 5
    assert tiny.equal(tiny.values(trainer.teacher), before)


@pytest.mark.parametrize("statistics", ["batch", "moving"])
def test_one_trace_for_all_batches(statistics: str) -> None:
    traces = []

    class Counted(Igam):
        def train_step(self, data: object) -> dict[str, tf.Tensor]:
            traces.append(data)
            return super().train_step(data)

    judge = models.discriminator(tiny.SHAPE, 2, 4)
    trainer = Counted(
        tiny.classifier(1),
        tiny.classifier(2),
        judge,
        lambda_adv=1,
        lambda_diff=1,
        teacher_statistics=statistics,
    )
    trainer.compile()
    dataset = tf.data.Dataset.from_tensor_slices(tiny.batch(10)).batch(4)
    trainer.fit(dataset, epochs=2, verbose=0, shuffle=False)
    assert len(traces) == 1


def test_fit_takes_arrays_callbacks_and_any_integer_labels(tmp_path: object) -> None:
    trainer = tiny.igam(0.01, True)
    log = keras.callbacks.CSVLogger(tmp_path / "history.csv")
    history = trainer.fit(
        X, Y.astype(np.uint8), batch_size=3, epochs=2, verbose=0, callbacks=[log]
    ).history
    assert set(history) == PARTS["igam"] | {"matching"}
    assert all(len(values) == 2 and np.all(np.isfinite(values)) for values in history.values())
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3


def test_stock_batchnorm_is_named_in_a_warning() -> None:
    student = keras.Sequential(
        [
            keras.Input(tiny.SHAPE),
            keras.layers.BatchNormalization(name="stock"),
            keras.layers.Flatten(),
            keras.layers.Dense(tiny.CLASSES),
        ]
    )
    with pytest.warns(UserWarning, match=r"stock BatchNormalization layers \(stock\)"):
        tiny.igam(student=student)
