"""Removes marks of custom gradients that TensorFlow did not save in a SavedModel."""

import pathlib

from tensorflow.core.protobuf import saved_model_pb2

_MARK = "_gradient_op_type"


def drop_unsaved(path: pathlib.Path) -> None:
    """Removes the marks of unsaved custom gradients; writes nothing if all were saved.

    TensorFlow saves the custom gradients of a graph's operations, but not those of the gradients
    themselves (a BatchNorm with second derivatives of its own), and each load would warn of each.
    An operation without a mark has TensorFlow's own derivative.
    """
    file = path / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    marked = []
    for graph in saved.meta_graphs:
        library = graph.graph_def.library
        saved_ops = {each.registered_op_type.encode() for each in library.registered_gradients}
        nodes = [node for function in library.function for node in function.node_def]
        marked += [n for n in nodes if _MARK in n.attr and n.attr[_MARK].s not in saved_ops]
    for node in marked:
        del node.attr[_MARK]
    if marked:
        file.write_bytes(saved.SerializeToString(deterministic=True))
        # The fingerprint is that of the old content, and loading does not need one.
        (path / "fingerprint.pb").unlink(missing_ok=True)
