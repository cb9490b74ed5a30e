"""TensorFlow 1 checkpoints of MadryLab's challenges and the IGAM release as Keras models, and back.

    import madry_checkpoints
    madry_checkpoints.detect("checkpoints/mnist_secret")               # {"mnist_challenge"}
    model = madry_checkpoints.load_model("checkpoints/mnist_secret")   # images in [0, 1] to logits

`python -m madry_checkpoints --help` lists, downloads, inspects and converts. TensorFlow starts at
the first checkpoint that is read or written, not at the import.
"""

import igam_tf  # noqa: F401  # silences TensorFlow's start-up, whoever imports it first
from madry_checkpoints.checkpoint_error import CheckpointError
from madry_checkpoints.kinds import detect
from madry_checkpoints.loader import load_model
from madry_checkpoints.reader import read
from madry_checkpoints.writer import variables, write

__all__ = ["CheckpointError", "detect", "load_model", "read", "variables", "write"]
