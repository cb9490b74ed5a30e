"""Run as a script where igam_tf is not to be had: answers of exported SavedModels, with TensorFlow
and NumPy alone.

python -I alone.py DIRECTORY: for every NAME.npz of images and labels in it the SavedModel NAME
answers into NAME.answers.npz.
"""

import pathlib
import sys

import numpy as np
import tensorflow as tf


def answers(path, asked):
    model = tf.saved_model.load(str(path))
    x, y = asked["x"], asked["y"]
    amounts = [tf.constant(asked[name]) for name in ("epsilon", "step_size", "steps", "seed")]
    found = dict(model.serve(x))
    found["logits of bytes"] = model.signatures["serve_uint8"](images=tf.constant(asked["bytes"]))[
        "logits"
    ]
    found["gradient"] = model.input_gradient(x, y)["gradient"]
    found["gradient_xent"] = model.input_gradient_xent(x, y.astype(np.int32))["gradient"]
    found["adversarial"] = model.attack(x, y, *amounts)["adversarial"]
    images = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(tf.gather(model.serve(images)["probabilities"], y, batch_dims=1))
    found["gradient of one's own"] = tape.gradient(total, images)
    found["metadata"] = np.array(
        pathlib.Path(model.metadata.asset_path.numpy().decode()).read_text()
    )
    return {name: np.asarray(value) for name, value in found.items()}


for absent in ("igam_tf", "madry_checkpoints"):
    assert absent not in sys.modules
    sys.modules[absent] = None  # importing it raises, wherever it may be installed
for questions in sorted(pathlib.Path(sys.argv[1]).glob("*.npz")):
    with np.load(questions) as asked:
        np.savez(questions.with_suffix(".answers.npz"), **answers(questions.with_suffix(""), asked))
