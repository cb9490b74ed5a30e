"""Attacks on classifiers within an l-infinity ball.

One step and forty, on a batch of images in the model's own pixel range::

    x_adv = attacks.fgsm(model, x, y, epsilon="8/255")
    x_adv = attacks.pgd(model, x, y, epsilon="8/255", step_size="2/255", steps=40)

Many numbers of steps from one trajectory::

    curve = attacks.pgd_curve(model, x, y, epsilon=8, step_size=2, record_at=(5, 10, 20))
    curve.last[20]      # still right at step 20
    curve.any[20]       # never fooled up to step 20

Stronger ones, without a step size to choose: Auto-PGD (`"xent"`, `"dlr"`, `"targeted_dlr"`) and Square, which needs no
gradients: `attacks.apgd(model, x, y, epsilon="8/255", loss="dlr")`, `attacks.square(model, x, y, epsilon="8/255")`.

Parts: the per-example losses that an attack raises are in `igam_tf.losses` (`"xent"`, `"margin"`); `ascent.ascend` is the
one loop, on tensors and inside graphs; `pgd` holds the public functions, their checks and their compiled forms.
"""

from igam_tf.attacks.apgd import apgd
from igam_tf.attacks.pgd import Curve, fgsm, pgd, pgd_curve
from igam_tf.attacks.square import square

__all__ = ["Curve", "apgd", "fgsm", "pgd", "pgd_curve", "square"]
