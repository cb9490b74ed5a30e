"""The original TensorFlow 1 checkpoints (MadryLab's challenges, the IGAM release) as Keras models, and back.

    import madry_checkpoints
    madry_checkpoints.detect("checkpoints/mnist_secret")               # {"mnist_challenge"}
    model = madry_checkpoints.load_model("checkpoints/mnist_secret")   # images in [0, 1] to logits

`python -m madry_checkpoints --help` lists, downloads, inspects and converts. TensorFlow starts only where a model does.
"""

import igam_tf  # noqa: F401  # silences TensorFlow's start-up, whoever imports it first
from madry_checkpoints.errors import CheckpointError
from madry_checkpoints.loader import load_model
from madry_checkpoints.reader import detect, read
from madry_checkpoints.writer import variables, write

__all__ = ["CheckpointError", "detect", "load_model", "read", "variables", "write"]
