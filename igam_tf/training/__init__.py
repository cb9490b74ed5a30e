"""Trainers, each a Keras model that trains another in place.

    AdversarialTrainer    robust models (PGD, TRADES), plain training: `train_robust`, `RobustRun`
    FinetuneTrainer       teachers' new heads: `finetune_teacher`, `FinetuneRun`
    Igam                  students: `train_student`, `StudentRun`

Behind each name: what it trains, its command, and its configuration in `igam_tf.experiments`.
"""

from igam_tf.core.settings.training import PROTOCOLS, Protocol
from igam_tf.training.adversarial import AdversarialTrainer
from igam_tf.training.derivatives import DerivativeCheck, check_derivatives
from igam_tf.training.finetuning import FinetuneTrainer, finetune
from igam_tf.training.igam import Igam
from igam_tf.training.matching_monitor import MatchingMonitor
from igam_tf.training.optimizers import Momentum, SteppedSchedule
from igam_tf.training.validation import BestWeights, RobustValidation
from igam_tf.training.weight_average import WeightAverage

__all__ = [
    "PROTOCOLS",
    "AdversarialTrainer",
    "BestWeights",
    "DerivativeCheck",
    "FinetuneTrainer",
    "Igam",
    "MatchingMonitor",
    "Momentum",
    "Protocol",
    "RobustValidation",
    "SteppedSchedule",
    "WeightAverage",
    "check_derivatives",
    "finetune",
]
