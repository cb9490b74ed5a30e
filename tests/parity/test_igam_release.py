"""What only the CIFAR-10 to CIFAR-100 graph's numbers tell: the networks after iterations of the
release's loop.

Arrays and their meaning: golden/README.md; tolerances: REFERENCE.md, both beside this checkout.
"""

import pathlib

import keras
import numpy as np
import pytest

from igam_tf.training import HeadTrainer

from .original import Original, igam_release


@pytest.fixture(scope="module")
def loaded(golden: pathlib.Path) -> Original:
    return igam_release(golden)


@pytest.fixture
def release(loaded: Original) -> Original:
    loaded.restore()
    return loaded


def slack(name: str, iterations: int) -> float:
    if "moving" in name:
        return 2e-2
    student, judge = {1: (2e-3, 1e-2), 3: (1e-1, 3e-1)}[iterations]
    return judge if name.startswith("discriminator") else student


def test_iterations(release: Original) -> None:
    trainer = release.trainer()
    teacher = release.teacher.get_weights()
    x, y = release.expected["x"], release.expected["y"]
    for iteration in (1, 2, 3):
        trainer.train_on_batch(x, y)
        if iteration == 2:
            continue
        expected = release.numbers(f"after_{iteration}")
        assert int(trainer.iteration) == expected["global_step"]
        errors = release.update_errors(
            {k: v for k, v in expected.items() if not k.startswith("unit_")}
        )
        assert len(errors) == 14
        assert all(error < slack(name, iteration) for name, error in errors.items()), errors
        totals = release.total_losses()
        for name in ("total_loss", "total_d_loss", "student_mean_xent", "disc_mean_xent"):
            # Rounding grows from step to step: a kink that flips moves these by half a percent.
            assert totals[name] == pytest.approx(
                float(expected[name]), rel=5e-3 if iteration == 1 else 3e-2
            ), name
    assert all(map(np.array_equal, release.teacher.get_weights(), teacher))


@pytest.mark.parametrize(("iterations", "forwards"), [(1, 2), (3, 5)])
def test_the_releases_teacher_moves_its_averages_in_every_forward(
    release: Original, iterations: int, forwards: int
) -> None:
    """`Igam` leaves the teacher alone (they are never read); the same layers reproduce what the
    release's graph writes.
    """
    for _ in range(forwards):
        release.teacher(release.expected["x"], training=True)
    errors = release.update_errors(
        {k: v for k, v in release.numbers(f"after_{iterations}").items() if k.startswith("unit_")}
    )
    assert len(errors) == 2
    assert max(errors.values()) < 1e-4


def test_a_step_before_matching(release: Original) -> None:
    trainer = release.trainer(eager=True, steps_before_matching=1)
    trainer.train_on_batch(release.expected["x"], release.expected["y"])
    errors = release.update_errors(release.numbers("after_1_classification_only"))
    assert len(errors) == 3
    assert max(errors.values()) < 2e-3


def test_fine_tuning(release: Original) -> None:
    trainer = HeadTrainer(release.teacher, [release.teacher.get_layer("logits")])
    # TensorFlow 1's epsilon; Keras' own default is ten times larger.
    trainer.compile(keras.optimizers.Adam(1e-3, epsilon=1e-8), run_eagerly=True)
    trainer.train_on_batch(release.expected["x"], release.expected["y"])
    errors = release.update_errors(release.numbers("after_1_finetune_adam"))
    assert len(errors) == 2
    assert max(errors.values()) < 2e-3
