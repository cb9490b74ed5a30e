"""Attacks by name. A new attack is a class in a file of its own and a line in `FAMILIES` here."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from igam_tf.attacks.apgd import APGD
from igam_tf.attacks.attack import Attack, require_name
from igam_tf.attacks.chain import Chain
from igam_tf.attacks.fab import FAB
from igam_tf.attacks.fgsm import FGSM
from igam_tf.attacks.pgd import PGD
from igam_tf.attacks.square import Square
from igam_tf.attacks.transfer import Transfer
from igam_tf.attacks.user_attack import AttackLike, as_attack
from igam_tf.core import imports
from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError

# Classes whose names carry their settings.
FAMILIES: tuple[Any, ...] = (FGSM, PGD, APGD, FAB, Square)

_TRANSFER = "transfer-"


def strong(epsilon: Amount = "8/255", queries: int | None = None) -> Chain:
    """AutoAttack's attacks without FAB, APGD-T on up to nine targets. It is not AutoAttack.

    Args:
      queries: of Square; None for its default, 5000.
    """
    stages = (
        APGD(epsilon=epsilon),
        APGD(epsilon=epsilon, loss="targeted_dlr"),
        Square(epsilon=epsilon, queries=queries or Square.queries),
    )
    return Chain(label="strong", stages=stages)


def autoattack(epsilon: Amount = "8/255", norm: str = "linf") -> Chain:
    """AutoAttack's standard version (Croce and Hein 2020): each attack on the survivors.

    These are Auto-PGD on the cross-entropy, Auto-PGD on targeted DLR and targeted FAB towards nine
    classes each (or all others, if there are fewer), and Square with 5000 queries.
    """
    stages = (
        APGD(epsilon=epsilon, norm=norm),
        APGD(epsilon=epsilon, norm=norm, loss="targeted_dlr"),
        FAB(epsilon=epsilon, norm=norm),
        Square(epsilon=epsilon, norm=norm),
    )
    return Chain(label="autoattack" if norm == "linf" else f"autoattack-{norm}", stages=stages)


def autoattack_rand(epsilon: Amount = "8/255") -> Chain:
    """AutoAttack's version for models that draw random numbers: means over 20 draws.

    These are Auto-PGD on the cross-entropy and on DLR, in the l-infinity ball.
    """
    stages = (
        APGD(epsilon=epsilon, eot_samples=20),
        APGD(epsilon=epsilon, loss="dlr", eot_samples=20),
    )
    return Chain(label="autoattack-rand", stages=stages)


# Chains by name, as functions of the radius.
SUITES: dict[str, Callable[[Amount], Chain]] = {
    "strong": strong,
    "autoattack": autoattack,
    "autoattack-l2": functools.partial(autoattack, norm="l2"),
    "autoattack-rand": autoattack_rand,
}


def resolve(
    attack: str | AttackLike, epsilon: Amount = "8/255", step_size: Amount = "2/255"
) -> Attack:
    """An attack from its name, itself, or a user's object.

    Args:
      attack: a name such as `fgsm`, `pgd20-margin-x10`, `apgd-ce`, `fab`, `square`,
        `transfer-pgd20`, `strong`, `autoattack` or `transfer-strong`; an import path
        `package.module:name` or `file.py:name` of an attack, or of a class or function that makes
        one (it may take `epsilon` and `step_size`); an attack; or any object with `name`,
        `describe` and `run`.
      epsilon, step_size: of attacks by name. Objects have their own.

    Raises:
      InputError: anything else.
    """
    if isinstance(attack, str):
        return (
            _by_path(attack, epsilon, step_size)
            if ":" in attack
            else _by_name(attack, epsilon, step_size)
        )
    resolved = as_attack(attack)
    require_name(resolved.name)
    return resolved


def resolve_all(
    attacks: str | AttackLike | Iterable[str | AttackLike],
    epsilon: Amount = "8/255",
    step_size: Amount = "2/255",
) -> list[Attack]:
    """One attack or several, each as `resolve` takes it.

    Raises:
      InputError: as `resolve`; two attacks of one name.
    """
    several = [attacks] if isinstance(attacks, (str, AttackLike)) else list(attacks)
    resolved = [resolve(attack, epsilon, step_size) for attack in several]
    names = [attack.name for attack in resolved]
    if len(set(names)) < len(names):
        raise InputError(
            f"attacks: every name needs to differ, got {', '.join(names)}; label= sets another"
        )
    return resolved


def _by_name(name: str, epsilon: Amount, step_size: Amount) -> Attack:
    base = name.removeprefix(_TRANSFER)
    if base in SUITES:
        suite = SUITES[base](epsilon)
        return suite if base == name else Transfer(attack=suite)
    for family in FAMILIES:
        if match := family.PATTERN.fullmatch(base):
            attack: Attack = family.from_match(match, epsilon, step_size)
            if base != name:
                attack = Transfer(attack=attack)
            return attack if attack.name == name else dataclasses.replace(attack, label=name)
    grammar = ", ".join(family.GRAMMAR for family in FAMILIES)
    raise InputError(
        f"attacks: expected {grammar}, {' or '.join(SUITES)}, {_TRANSFER} before any of them, "
        f"or package.module:name; got {name!r}"
    )


def _by_path(path: str, epsilon: Amount, step_size: Amount) -> Attack:
    value = imports.load(path, "attacks")
    if not isinstance(value, type) and isinstance(value, AttackLike):
        return resolve(value)
    if not callable(value):
        raise InputError(f"attacks: {path} is no attack, and makes none: got {value!r}")
    amounts = {"epsilon": epsilon, "step_size": step_size}
    parameters = inspect.signature(value).parameters
    accepted = {name: amount for name, amount in amounts.items() if name in parameters}
    attack = imports.call(functools.partial(value, **accepted), path, "attacks")
    if isinstance(attack, type) or not isinstance(attack, AttackLike):
        raise InputError(f"attacks: {path} makes no attack (name, describe, run), got {attack!r}")
    return resolve(attack)
