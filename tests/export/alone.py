"""A script without igam_tf: the answers of exported SavedModels, by TensorFlow and NumPy alone.

python -I alone.py DIRECTORY: for every NAME.npz of images and labels in it, the answers of the
SavedModel NAME are written to NAME.answers.npz.
"""

import pathlib
import sys

import numpy as np
import tensorflow as tf


def answers(path, questions):
    model = tf.saved_model.load(str(path))
    x, y = questions["x"], questions["y"]
    amounts = [tf.constant(questions[name]) for name in ("epsilon", "step_size", "steps", "seed")]
    results = dict(model.serve(x))
    results["logits of bytes"] = model.signatures["serve_uint8"](
        images=tf.constant(questions["bytes"])
    )["logits"]
    results["gradient"] = model.input_gradient(x, y)["gradient"]
    results["gradient_xent"] = model.input_gradient_xent(x, y.astype(np.int32))["gradient"]
    results["adversarial"] = model.attack(x, y, *amounts)["adversarial"]
    images = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(tf.gather(model.serve(images)["probabilities"], y, batch_dims=1))
    results["gradient of one's own"] = tape.gradient(total, images)
    results["metadata"] = np.array(
        pathlib.Path(model.metadata.asset_path.numpy().decode()).read_text()
    )
    return {name: np.asarray(value) for name, value in results.items()}


for absent in ("igam_tf", "madry_checkpoints"):
    assert absent not in sys.modules
    sys.modules[absent] = None  # importing it raises, wherever it may be installed
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.npz")):
    with np.load(file) as questions:
        np.savez(file.with_suffix(".answers.npz"), **answers(file.with_suffix(""), questions))
