"""The published numbers, transcribed (accuracy in percent).

Chan, Tay, Ong: What it Thinks is Important is Important: Robustness Transfers through Input Gradients. CVPR 2020.
"""

# Table 1: CIFAR-10, upwards transfer from MNIST; l-infinity, epsilon 8/255.
TABLE_1: dict[str, dict[str, float]] = {
    "Standard": {"clean": 95.0, "fgsm": 13.4, "pgd5": 0.0, "pgd10": 0.0, "pgd20": 0.0},
    "FT-MNIST": {"clean": 33.4, "fgsm": 1.51, "pgd5": 0.44, "pgd10": 0.15, "pgd20": 0.12},
    "IGAM-MNIST": {"clean": 93.6, "fgsm": 67.8, "pgd5": 63.6, "pgd10": 56.9, "pgd20": 43.5},
    "PGD7-trained": {"clean": 87.3, "fgsm": 56.2, "pgd5": 55.5, "pgd10": 47.3, "pgd20": 45.9},
}
TABLES = {1: TABLE_1}
