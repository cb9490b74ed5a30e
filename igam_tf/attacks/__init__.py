"""Attacks on classifiers: within a ball around each image, in compiled TensorFlow loops.

One step and forty, on a batch of images in the model's own pixel range::

    x_adv = attacks.fgsm(model, x, y, epsilon="8/255")
    x_adv = attacks.pgd(model, x, y, epsilon="8/255", step_size="2/255", steps=40)

An attack as an object, which describes itself and judges its own images::

    attack = attacks.PGD(epsilon="8/255", step_size="2/255", steps=20, loss="margin")
    result = attack.run(model, x, y)
    result.correct      # bool [B], at the last step
    result.x_adv        # float32, like x

Many numbers of steps from one trajectory::

    curve = attacks.pgd_curve(model, x, y, epsilon=8, step_size=2, record_at=(5, 10, 20))
    curve.last[20]           # bool [B], correct at step 20
    curve.never_fooled[20]   # bool [B], correct at every step up to 20

The parts of an attack:

* a loss: a name, or any callable from labels and logits to [B] (`igam_tf.losses.attack_loss`);
* a ball: `"linf"`, `"l2"`, or a `Ball` (`balls`): radius, noise, direction, projection;
* a step rule: `SteepestStep`, or a `StepRule` (`ascent`), which may carry state such as momentum;
* `ascent.ascend`: the one loop, on tensors and inside graphs.

`Chain` runs attacks in turn on survivors, `Transfer` computes them on another model. `resolve`
turns names (`pgd20-margin-x10`, `transfer-pgd20`, `strong`) and import paths into attacks.
"""

from igam_tf.attacks.apgd import APGD
from igam_tf.attacks.ascent import SteepestStep, StepRule, Uint8FirstStep
from igam_tf.attacks.attack import Attack, AttackResult
from igam_tf.attacks.balls import L2, LINF, Ball
from igam_tf.attacks.chain import Chain
from igam_tf.attacks.curve import Curve
from igam_tf.attacks.fab import FAB
from igam_tf.attacks.fgsm import FGSM
from igam_tf.attacks.functions import apgd, fab, fgsm, pgd, pgd_curve, square
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.attacks.pgd import PGD
from igam_tf.attacks.registry import resolve, resolve_all
from igam_tf.attacks.square import Square
from igam_tf.attacks.transfer import Transfer
from igam_tf.attacks.user_attack import AttackLike

__all__ = [
    "APGD",
    "FAB",
    "FGSM",
    "L2",
    "LINF",
    "PGD",
    "Attack",
    "AttackInputs",
    "AttackLike",
    "AttackResult",
    "Ball",
    "Chain",
    "Curve",
    "Square",
    "SteepestStep",
    "StepRule",
    "Transfer",
    "Uint8FirstStep",
    "apgd",
    "fab",
    "fgsm",
    "pgd",
    "pgd_curve",
    "resolve",
    "resolve_all",
    "square",
]
