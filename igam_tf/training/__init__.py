"""Training: robust teachers, fine-tuned teachers, students by input gradient adversarial matching."""

from igam_tf.training.adversarial import AdversarialTrainer
from igam_tf.training.finetune import HeadTrainer
from igam_tf.training.igam import Igam
from igam_tf.training.optimizers import Momentum, SteppedSchedule
from igam_tf.training.protocol import PROTOCOLS, Protocol

__all__ = ["PROTOCOLS", "AdversarialTrainer", "HeadTrainer", "Igam", "Momentum", "Protocol", "SteppedSchedule"]
