"""A killed evaluation resumes from its parts on disk, and refuses those of other settings."""

import pathlib
from typing import Any

import numpy as np
import pytest

from igam_tf.core.errors import InputError
from igam_tf.evaluation import evaluate
from igam_tf.evaluation.running import ModeRun

from .. import tiny
from .samples import (
    CLASSES,
    FIVE,
    SIZE,
    SMALL,
    X,
    Y,
    chain,
    five,
    model,
    related,
    without_environment,
)

LONG: dict[str, Any] = {"attacks": ("pgd2", "pgd5", chain(0.5)), "batch_size": 6, **SMALL}
OTHER_SETTINGS = "holds an unfinished evaluation with other settings; remove it"


class Killed(Exception):
    pass


def kill(*report: Any) -> None:
    raise Killed


def killed(*arguments: Any, **settings: Any) -> None:
    with pytest.raises(Killed):
        evaluate(*arguments, **{"progress": kill, **settings})


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """Attack and examples of every part that is computed."""
    compute, parts = ModeRun._part, []

    def counting(run: ModeRun, group: Any, places: np.ndarray, *rest: Any) -> Any:
        parts.append((group[0].name, places.tolist()))
        return compute(run, group, places, *rest)

    monkeypatch.setattr(ModeRun, "_part", counting)
    return parts


@pytest.mark.parametrize(
    ("label", "finished"), [("moving, pgd5", 2), ("moving, strong-apgd3-ce", 4 + 4 + 2)]
)
def test_a_killed_evaluation_resumes(
    tmp_path: pathlib.Path, computed: list[Any], label: str, finished: int
) -> None:
    whole_images: dict[str, np.ndarray] = {}
    whole = evaluate(five, (X, FIVE), images=whole_images, **LONG)
    all_parts = list(computed)
    computed.clear()

    def kill_there(at: str, done: int, *rest: Any) -> None:
        if (at, done) == (label, 12):
            raise Killed

    parts = tmp_path / "parts"
    killed(five, (X, FIVE), images={}, parts_dir=parts, progress=kill_there, **LONG)
    assert len(computed) == finished
    for part in list(parts.glob("*.npz")):
        part.with_name("tmp-77-" + part.name.replace("-0", "-9")).write_bytes(b"half of it")
    reports: list[tuple[Any, ...]] = []
    images: dict[str, np.ndarray] = {}
    arguments = {"parts_dir": parts, "progress": lambda *report: reports.append(report), **LONG}
    record = evaluate(five, (X, FIVE), images=images, **arguments)
    assert without_environment(record) == without_environment(whole)
    for name, x_adv in whole_images.items():
        np.testing.assert_array_equal(images[name], x_adv)
    assert computed == all_parts
    assert len(reports) == len(all_parts)
    assert not parts.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"attacks": ("pgd2", "pgd5", chain(0.4))},
        {"attacks": ("pgd2", chain(0.5), "pgd5", "fgsm")},
        {"epsilon": 2},
        {"step_size": 0.1},
        {"seed": 1},
        {"batch_size": 7},
        {"num_examples": 20},
        {"bounds": (0, 256)},
        {"images": {}},
        {"model": related},
        {"dataset": (X, (FIVE + 1) % CLASSES)},
        {"dataset": (X[::-1].copy(), FIVE)},
        {"dataset": (np.concatenate([X[:10], X[10:] * 0.9]), FIVE)},  # the same first images
    ],
)
def test_parts_of_other_settings_are_refused(
    tmp_path: pathlib.Path, computed: list[Any], changed: dict[str, Any]
) -> None:
    settings = {"model": five, "dataset": (X, FIVE), "parts_dir": tmp_path, **LONG}
    killed(**settings)
    with pytest.raises(InputError, match=OTHER_SETTINGS) as error:
        evaluate(**{**settings, **changed})
    assert "\n" not in str(error.value)
    assert len(computed) == 1


def test_parts_of_another_surrogate_are_refused(tmp_path: pathlib.Path) -> None:
    settings = {"attacks": "transfer-pgd2", "parts_dir": tmp_path, "batch_size": 6, **SMALL}
    killed(five, (X, FIVE), surrogate=related, **settings)
    with pytest.raises(InputError, match=OTHER_SETTINGS):
        evaluate(five, (X, FIVE), surrogate=five, **settings)
    assert evaluate(five, (X, FIVE), surrogate=related, **settings).n == SIZE


def test_parts_of_another_model_or_calibration_are_refused(tmp_path: pathlib.Path) -> None:
    modes = {"statistics": ("recalibrated",), "parts_dir": tmp_path}
    settings = {"attacks": ("fgsm",), "batch_size": 10, **modes}
    killed(model(), (X, Y), calibration=(X, Y), **settings)
    for subject, images in ((tiny.classifier(1), X), (model(), X[::-1])):
        with pytest.raises(InputError, match=OTHER_SETTINGS):
            evaluate(subject, (X, Y), calibration=(images, Y), **settings)
    assert evaluate(model(), (X, Y), calibration=(X, Y), **settings).n == SIZE
