"""A trained model for use elsewhere: a SavedModel that TensorFlow alone runs, a `.keras` file, or
weights.

    from igam_tf import export
    export.export(model, "student")
    loaded = tf.saved_model.load("student")
    loaded.serve(images)["labels"]

`endpoints` has the functions of a SavedModel, `metadata` what is said beside every export,
`replacing` how it reaches the disk.
"""

from igam_tf.export.exporting import Exported, export, export_from
from igam_tf.export.metadata import Origin, origin_of
from igam_tf.export.weights_file import load_weights

__all__ = ["Exported", "Origin", "export", "export_from", "load_weights", "origin_of"]
