"""Custom gradients in a SavedModel: those that TensorFlow saves, and marks of those that it does
not.
"""

import pathlib

from tensorflow.core.protobuf import saved_model_pb2

_MARK = "_gradient_op_type"


def drop_unsaved(path: pathlib.Path) -> None:
    """Takes the marks of custom gradients that were not saved from a SavedModel; changes nothing
    where all were.

    TensorFlow saves the custom gradients of what is in a graph, but not those of the gradients
    themselves (a BatchNorm with second derivatives of its own), and every load would warn of each.
    Without its mark an operation has TensorFlow's own derivative.
    """
    file = path / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    marked = []
    for graph in saved.meta_graphs:
        library = graph.graph_def.library
        known = {gradient.registered_op_type.encode() for gradient in library.registered_gradients}
        nodes = [node for function in library.function for node in function.node_def]
        marked += [node for node in nodes if _MARK in node.attr and node.attr[_MARK].s not in known]
    for node in marked:
        del node.attr[_MARK]
    if marked:
        file.write_bytes(saved.SerializeToString(deterministic=True))
        (path / "fingerprint.pb").unlink(
            missing_ok=True
        )  # of another content; loading does not need it
