"""Where the published checkpoints are, and what their authors published about them."""

import dataclasses
import functools
import importlib.resources
import json
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class PublishedArchive:
    """One published checkpoint archive; what its authors did not publish is None or empty.

    Attributes:
      kind: of the network inside; None where there are several.
      url: of the archive, or of a page to download from by hand if `manual`.
      git_blob: Git's id of the archive, as its repository has it (`git hash-object FILE`).
      published_sha256: of the "model file", in its authors' words; of which file is unconfirmed.
      published_accuracy: per cent, by attack as igam_tf names it: pgd100-x50 is 100 steps with 50
        restarts.
      published_setting: what the accuracies are for.
    """

    kind: str | None
    url: str
    manual: bool = False
    git_blob: str | None = None
    published_sha256: str | None = None
    published_accuracy: Mapping[str, float] = dataclasses.field(default_factory=dict)
    published_setting: str = ""


@functools.cache
def manifest() -> Mapping[str, PublishedArchive]:
    """The published checkpoints by name, in the order in which they are listed."""
    file = importlib.resources.files("madry_checkpoints").joinpath("manifest.json")
    entries = json.loads(file.read_text("utf-8"))
    return {name: PublishedArchive(**fields) for name, fields in entries.items()}
