"""A trained model for use elsewhere: a SavedModel for TensorFlow alone, a `.keras` file, weights.

    from igam_tf import export
    export.export(model, "student")
    loaded = tf.saved_model.load("student")
    loaded.serve(images)["labels"]

`endpoints` has the functions of a SavedModel, `metadata` the description beside every export,
`replacing` the writing to disk.
"""

from igam_tf.export.exporting import Exported, export, export_from
from igam_tf.export.metadata import Origin, origin_of
from igam_tf.export.weights_file import load_weights

__all__ = ["Exported", "Origin", "export", "export_from", "load_weights", "origin_of"]
