"""The published numbers, transcribed (accuracy in percent).

Chan, Tay, Ong: What it Thinks is Important is Important: Robustness Transfers through Input
Gradients. CVPR 2020.
"""


def _rows(
    columns: tuple[str, ...], rows: dict[str, tuple[float, ...]]
) -> dict[str, dict[str, float]]:
    return {name: dict(zip(columns, numbers, strict=True)) for name, numbers in rows.items()}


# Table 1: CIFAR-10, upwards transfer from MNIST; l-infinity, epsilon 8/255, as in all tables.
TABLE_1 = _rows(
    ("clean", "fgsm", "pgd5", "pgd10", "pgd20"),
    {
        "Standard": (95.0, 13.4, 0.0, 0.0, 0.0),
        "FT-MNIST": (33.4, 1.51, 0.44, 0.15, 0.12),
        "IGAM-MNIST": (93.6, 67.8, 63.6, 56.9, 43.5),
        "PGD7-trained": (87.3, 56.2, 55.5, 47.3, 45.9),
    },
)
# Table 2: CIFAR-10, downwards transfer from Tiny-ImageNet.
TABLE_2 = _rows(
    ("clean", "fgsm", "pgd5", "pgd10", "pgd20", "pgd50", "pgd100"),
    {
        "Standard": (95.0, 13.4, 0.0, 0.0, 0.0, 0.0, 0.0),
        "FT-TinyImagenet": (77.2, 37.7, 33.9, 28.0, 24.9, 23.0, 22.5),
        "IGAM-TransposeConv": (93.2, 65.0, 58.8, 44.5, 32.4, 22.4, 18.7),
        "IGAM-RandomPad": (88.3, 35.8, 43.9, 40.1, 38.6, 37.8, 37.6),
        "IGAM-Pad": (87.9, 51.6, 52.2, 46.6, 44.0, 43.0, 42.5),
        "IGAM-Upsize": (88.7, 54.0, 52.5, 47.6, 45.1, 43.5, 43.0),
        "PGD7-trained": (87.25, 56.22, 55.5, 47.3, 45.9, 45.4, 45.3),
    },
)

# Table 3: CIFAR-100.
TABLE_3 = _rows(
    ("clean", "fgsm", "pgd5", "pgd10", "pgd20"),
    {
        "Standard": (78.7, 7.95, 0.13, 0.03, 0.0),
        "FT-CIFAR10": (49.3, 17.2, 15.3, 11.7, 10.5),
        "IGAM-MNIST": (73.16, 41.41, 33.09, 23.35, 17.67),
        "IGAM-CIFAR10": (62.39, 34.31, 29.59, 24.05, 21.74),
        "PGD7-trained": (60.4, 29.1, 29.3, 24.3, 23.5),
    },
)

# Tables 4 and 5: IGAM-CIFAR10 on CIFAR-100; lambda_adv = 2 in the first, lambda_diff = 10 in the
# second.
TABLE_4 = _rows(
    ("pgd20", "clean"),
    {
        "lambda_diff 0": (16.0, 58.9),
        "lambda_diff 2.5": (16.3, 61.8),
        "lambda_diff 5": (21.7, 62.9),
        "lambda_diff 10": (21.7, 62.4),
    },
)
TABLE_5 = _rows(
    ("pgd20", "clean"),
    {
        "lambda_adv 0": (3.9, 78.4),
        "lambda_adv 0.5": (4.34, 77.4),
        "lambda_adv 1": (7.37, 74.3),
        "lambda_adv 2": (21.7, 62.4),
    },
)
