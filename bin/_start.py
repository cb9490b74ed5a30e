"""Starts a command from a checkout: with this checkout's package, and with its virtual environment
where there is one.
"""

import importlib
import importlib.util
import os
import pathlib
import platform
import sys

# TensorFlow turns oneDNN on by itself only on processors with AVX512-VNNI; training steps gain on
# older ones too (docs/performance.md). A value that is set already stays.
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"

ROOT = pathlib.Path(__file__).resolve().parents[1]


def start(module: str, *arguments: object) -> int:
    """Runs `module.main(*arguments)`, in `.venv` if this interpreter lacks TensorFlow and `make`
    has made one.
    """
    if importlib.util.find_spec("tensorflow") is None:
        python = ROOT / ".venv" / "bin" / "python"
        if not python.exists() or pathlib.Path(sys.prefix) == python.parents[1]:
            print(
                f"{pathlib.Path(sys.argv[0]).name}: TensorFlow is not installed; `make demo` sets up .venv",
                file=sys.stderr,
            )
            return 2
        os.execv(python, [str(python), *sys.argv])
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault(ONEDNN, "1")
    sys.path.insert(0, str(ROOT))
    return importlib.import_module(module).main(*arguments)
