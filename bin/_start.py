"""Starts a command with this checkout's package, and its virtual environment if it is needed."""

import importlib
import importlib.util
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def start(module: str) -> int:
    """Runs `module.main()`, in `.venv` if this interpreter has no TensorFlow."""
    if importlib.util.find_spec("tensorflow") is None:
        python = ROOT / ".venv" / "bin" / "python"
        if not python.exists() or pathlib.Path(sys.prefix) == python.parents[1]:
            program = pathlib.Path(sys.argv[0]).name
            message = "TensorFlow is not installed; `make demo` sets up .venv"
            print(f"{program}: {message}", file=sys.stderr)
            return 2
        os.execv(python, [str(python), *sys.argv])
    sys.path.insert(0, str(ROOT))
    return importlib.import_module(module).main()
