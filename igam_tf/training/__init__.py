"""Training: robust teachers, fine-tuned teachers, students by input gradient adversarial matching."""

from igam_tf.core.settings.training import PROTOCOLS, Protocol
from igam_tf.training.adversarial import AdversarialTrainer
from igam_tf.training.head import HeadTrainer, finetune
from igam_tf.training.igam import Igam
from igam_tf.training.optimizers import Momentum, SteppedSchedule
from igam_tf.training.validation import BestWeights, RobustValidation

__all__ = [
    "PROTOCOLS",
    "AdversarialTrainer",
    "BestWeights",
    "HeadTrainer",
    "Igam",
    "Momentum",
    "Protocol",
    "RobustValidation",
    "SteppedSchedule",
    "finetune",
]
