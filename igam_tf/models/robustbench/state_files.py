"""Files of state dicts: safetensors, and PyTorch's where PyTorch is installed."""

import os
import pathlib
import pickle
import re
from typing import Any

from igam_tf.core.errors import InputError

_TORCH_SUFFIXES = (".pt", ".pth", ".tar", ".ckpt")


def read_state_file(path: str | os.PathLike[str]) -> Any:
    """The content of a file: a mapping from names to arrays or tensors, possibly nested.

    A PyTorch file is read by `torch.load(weights_only=True)`, which runs no code from the file.

    Raises:
      InputError: no such file, another sort of file, a damaged one, or PyTorch is not installed.
    """
    file = pathlib.Path(path)
    if file.suffix not in (".safetensors", *_TORCH_SUFFIXES):
        raise InputError(f"{file}: expected a file .safetensors, .pt, .pth, .pth.tar or .ckpt")
    if not file.is_file():
        raise InputError(f"{file}: is not a file")
    read = _safetensors if file.suffix == ".safetensors" else _torch
    try:
        return read(file)
    except InputError:
        raise
    except Exception as error:  # whatever a damaged part raised
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{file}: cannot be read ({type(error).__name__}: {reason})") from error


def _safetensors(file: pathlib.Path) -> Any:
    from safetensors.numpy import load_file

    return load_file(file)


def _torch(file: pathlib.Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f"{file}: a {file.suffix} file needs PyTorch; install torch, or convert the file to "
            ".safetensors where it is (docs/robustbench.md)"
        ) from error
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # PyTorch's message is long, and advises to run the file's code.
        cause = re.search(r"WeightsUnpickler error: (.*?)( was not|\n|$)", str(error))
        raise InputError(
            f"{file}: torch.load(weights_only=True) refuses it: it is damaged or holds more than "
            f"tensors ({cause[1] if cause else 'no details'}); save its state dict alone"
        ) from error
