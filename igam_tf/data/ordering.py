"""The stored order of images that lie in folders by class."""

import hashlib
from collections.abc import Mapping


def in_rounds(labels: Mapping[str, int]) -> list[str]:
    """Files in rounds over their classes: the k-th of every class before the (k+1)-th of any.

    Within a round the order is that of the names' hashes: always alike, and no neighbour of a class
    is next to it.
    """
    counts: dict[int, int] = {}
    rounds = {}
    for file in sorted(labels, key=lambda file: (len(file), file)):  # x_9 before x_10
        rounds[file] = counts[labels[file]] = counts.get(labels[file], 0) + 1
    return sorted(labels, key=lambda file: (rounds[file], hashlib.sha256(file.encode()).digest()))
