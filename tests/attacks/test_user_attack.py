"""A user's own attacks, losses, balls and step rules: from Python, by import path and by file.

The user's file is `user_file.py`.
"""

import dataclasses
import pathlib
import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, evaluation
from igam_tf.attacks import PGD, resolve
from igam_tf.cli import evaluate as command
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError

from .. import tiny

FILE = pathlib.Path(__file__).with_name("user_file.py").read_text()

X, Y = tiny.batch(16)


@pytest.fixture
def user(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The user's file as an imported module; the working directory is its folder."""
    (tmp_path / "my_attacks.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    sys.modules.pop("my_attacks", None)
    resolve("my_attacks:red")
    yield sys.modules["my_attacks"]
    sys.modules.pop("my_attacks", None)


def labels(model: Any) -> np.ndarray:
    return model(X, training=False).numpy().argmax(1)


def test_from_python(user: Any) -> None:
    model = tiny.classifier()
    objects = [
        user.momentum(8, 2),
        dataclasses.replace(user.red, epsilon=20, step_size=5),
        user.Darken(30),
    ]
    images: dict[str, np.ndarray] = {}
    record = evaluation.evaluate(model, (X, labels(model)), attacks=objects, seed=1, images=images)
    names = ["clean", "mi-fgsm", "pgd5-least_true_logit-red", "darken"]
    assert list(record.results["moving"]) == names
    assert all(record.count(name).correct < len(X) for name in names[1:])
    red = images["moving/pgd5-least_true_logit-red"] - X
    assert np.abs(red[..., 0]).max() == pytest.approx(20, abs=1e-4)
    assert not red[..., 1:].any()
    np.testing.assert_array_equal(images["moving/darken"], np.maximum(X - 30, 0))
    # The model judges, not the user's own `correct`.
    judged = model(images["moving/darken"], training=False).numpy().argmax(1) == labels(model)
    np.testing.assert_array_equal(record.right("darken"), judged)
    assert record.attacks["darken"] == {
        "name": "darken",
        "attack": "Darken",
        "shown": "all pixels darker by 30",
    }
    assert record.attacks["mi-fgsm"]["step_rule"] == "MomentumStep(decay=1.0)"


def test_momentum_is_that_of_a_loop(user: Any) -> None:
    model = tiny.classifier()
    x, state, y = X.copy(), np.zeros_like(X), labels(model)
    for _ in range(3):
        with tf.GradientTape() as tape:
            at = tf.constant(x)
            tape.watch(at)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(at, training=False))
        gradient = tape.gradient(loss, at).numpy()
        state += gradient / np.abs(gradient).mean((1, 2, 3), keepdims=True)
        x = np.clip(np.clip(x + 2 * np.sign(state), X - 8, X + 8), 0, 255)
    attack = PGD(epsilon=8, step_size=2, steps=3, random_start=False, step_rule=user.MomentumStep())
    assert np.mean(np.abs(attack.perturb(model, X, y) - x) < 1e-3) > 0.99
    assert np.mean(np.abs(attack.perturb(model, X, y) - X) > 1) > 0.9


@pytest.mark.parametrize("where", ["my_attacks", "my_attacks.py"])
def test_by_import_path_and_by_file(user: Any, where: str) -> None:
    assert resolve(f"{where}:momentum", 4, 1).amounts(PIXELS) == (4, 1)
    assert resolve(f"{where}:red").name == "pgd5-least_true_logit-red"
    assert resolve(f"{where}:Darken", 4).describe(PIXELS) == "all pixels darker by 4"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("my_attacks:missing", "attacks: my_attacks has no 'missing'"),
        ("nowhere:attack", r"attacks: nowhere:attack failed \(ModuleNotFoundError"),
        ("nowhere.py:attack", "attacks: nowhere.py is not a file"),
        ("my_attacks:", "attacks: expected package.module:name or file.py:name"),
        ("my_attacks:number", "attacks: my_attacks:number is no attack, and makes none: got 7"),
        ("my_attacks:broken", r"attacks: my_attacks:broken failed \(OSError: no such thing\)"),
        ("my_attacks:least_true_logit", r"attacks: my_attacks:least_true_logit failed \(TypeError"),
    ],
)
def test_paths_that_lead_nowhere(user: Any, path: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        resolve(path)


@pytest.mark.parametrize(
    ("x_adv", "message"),
    [
        (
            X[:-1],
            r"attacks: odd: expected images of the shape \(16, 8, 8, 3\), got \(15, 8, 8, 3\)",
        ),
        (X - 1, r"attacks: odd: expected pixels within \[0, 255\], got -"),
        (np.full_like(X, np.nan), r"attacks: odd: expected pixels within \[0, 255\], got nan"),
    ],
)
def test_images_that_no_attack_may_return(x_adv: np.ndarray, message: str) -> None:
    class Odd:
        name = "odd"

        def describe(self, bounds: Any) -> str:
            return "odd"

        def run(self, model: Any, x: Any, y: Any, **settings: Any) -> attacks.AttackResult:
            return attacks.AttackResult(x_adv, np.ones(len(y), bool))

    with pytest.raises(InputError, match=f"^{message}"):
        evaluation.evaluate(tiny.classifier(), (X, Y), attacks=Odd())


class Nudge(attacks.StepRule):
    """Not a dataclass: two of them are two rules, whatever they hold."""

    def __init__(self, factor: float) -> None:
        object.__setattr__(self, "factor", factor)

    def move(
        self, images: Any, gradient: Any, ball: Any, step_size: Any, index: Any, state: Any
    ) -> Any:
        return images + self.factor * step_size * ball.direction(gradient), state


def test_rules_that_are_no_dataclasses_are_not_taken_for_each_other() -> None:
    model = tiny.classifier()
    still, moving = (PGD(steps=1, random_start=False, step_rule=Nudge(factor)) for factor in (0, 1))
    assert still != moving
    assert still.trajectory != moving.trajectory
    np.testing.assert_array_equal(still.perturb(model, X, Y), X)
    assert np.abs(moving.perturb(model, X, Y) - X).max() > 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Far(attacks.Attack):
    """A subclass that leaves the pixel range."""

    default_name = "far"

    def describe(self, bounds: Any, image_shape: Any = ()) -> str:
        return "far"

    def generate(self, inputs: attacks.AttackInputs) -> np.ndarray:
        return inputs.images + 1e4


class Images:
    name = "images"

    def describe(self, bounds: Any) -> str:
        return "no result"

    def run(self, model: Any, x: np.ndarray, y: np.ndarray, **settings: Any) -> Any:
        return x


@dataclasses.dataclass
class Unhashable:
    def __call__(self, labels: Any, logits: Any) -> Any:
        return logits[:, 0]


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (lambda: Far(), r"attacks: far: expected pixels within \[0, 255\]"),
        (lambda: Images(), "attacks: images: expected run to return an AttackResult, got ndarray"),
        (lambda: PGD(loss=Unhashable()), "loss: expected a hashable callable"),
        (
            lambda: attacks.Chain(stages=("pgd1",)),
            "attacks: expected a name, or an object .* got 'pgd1'",
        ),
        (
            lambda: attacks.Transfer(attack="pgd1"),
            "attacks: expected a name, or an object .* got 'pgd1'",
        ),
    ],
)
def test_parts_that_do_not_fit(attack: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        evaluation.evaluate(tiny.classifier(), (X, Y), attacks=attack())


def test_a_users_object_is_a_stage_and_a_transfer_attack(user: Any) -> None:
    model = tiny.classifier()
    chain = attacks.Chain(
        stages=(user.Darken(30), attacks.Chain(stages=(PGD(steps=2), attacks.FGSM())))
    )
    assert [stage.name for stage in chain.stages] == ["darken", "pgd2", "fgsm"]
    transfer = attacks.Transfer(attack=user.Darken(30), surrogate=tiny.classifier(1))
    record = evaluation.evaluate(model, (X, labels(model)), attacks=[chain, transfer])
    assert (
        record.count("transfer-darken").correct == record.count("darken+pgd2+fgsm: darken").correct
    )


def test_a_file_with_postponed_annotations(tmp_path: pathlib.Path) -> None:
    """Dataclasses look up their module by its name. A file that failed is read again later."""
    file = tmp_path / "late.py"
    file.write_text("nonsense")
    with pytest.raises(InputError, match=r"failed .NameError"):
        resolve(f"{file}:mine")
    file.write_text(
        "from __future__ import annotations\nimport dataclasses\nfrom igam_tf import attacks\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class Rule(attacks.SteepestStep):\n    k: float = 1.0\n"
        "mine = attacks.PGD(step_rule=Rule(), label='mine')\n"
    )
    assert resolve(f"{file}:mine").name == "mine"


def test_a_loss_that_is_a_mean_is_refused() -> None:
    def mean_loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(logits)

    for attack in (
        PGD(loss=mean_loss),
        attacks.APGD(loss=mean_loss),
        attacks.Square(loss=mean_loss),
    ):
        with pytest.raises(InputError, match=r"^loss: expected one value per example \[B\]"):
            attack.perturb(tiny.classifier(), X, labels(tiny.classifier()))


def test_from_the_command_line(
    user: Any, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from igam_tf import pretrained

    arguments = [str(pretrained.path("standard")), "--num_examples=20", "--epsilon=16/255"]
    names = "--attacks=my_attacks:momentum,my_attacks.py:Darken,fgsm"
    assert command.main([*arguments, names, "--output=record.json"]) == 0
    record = evaluation.EvalRecord.from_json((tmp_path / "record.json").read_text())
    assert list(record.results["moving"]) == ["clean", "mi-fgsm", "darken", "fgsm"]
    assert record.attacks["mi-fgsm"]["epsilon"] == 16
    assert "all pixels darker by 16" in capsys.readouterr().out
    assert command.main([*arguments, "--attacks=my_attacks:missing"]) == 2
    assert capsys.readouterr().err == "evaluate: attacks: my_attacks has no 'missing'\n"
