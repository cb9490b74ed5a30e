"""convert_checkpoint: converts TensorFlow 1 checkpoints and RobustBench's files to Keras files.

It is `python -m madry_checkpoints convert`, whose --help lists the flags.
"""

import sys
from collections.abc import Sequence

from madry_checkpoints import cli


def main(argv: Sequence[str] | None = None) -> int:
    return cli.main(["convert", *(sys.argv[1:] if argv is None else argv)])


if __name__ == "__main__":
    sys.exit(main())
