"""The contenders of each comparison, by name."""

FLOOR, OURS = "floor", "ours"
PEERS = ("art", "cleverhans", "foolbox")
MATCHING = ("igam-paper", "igam-release", "mnist-paper", "mnist-release")
ATTACKS = (FLOOR, OURS, *PEERS)
TRAINING = ("plain", "pgd7", "gradients", "attack", *MATCHING)
EVALUATION = "evaluation"
SCALING = ("pgd7", "plain", EVALUATION)
