"""Training: robust teachers, fine-tuned teachers, students by input gradient adversarial matching."""

from igam_tf.settings.training import PROTOCOLS, Protocol
from igam_tf.training.adversarial import AdversarialTrainer
from igam_tf.training.finetune import HeadTrainer
from igam_tf.training.igam import Igam
from igam_tf.training.optimizers import Momentum, SteppedSchedule

__all__ = ["PROTOCOLS", "AdversarialTrainer", "HeadTrainer", "Igam", "Momentum", "Protocol", "SteppedSchedule"]
