"""The examples run on a user's folder, by Python and by the commands that they name."""

import importlib.util
import json
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLORS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}


def photos(root: pathlib.Path, count: int = 24, side: int = 48) -> pathlib.Path:
    """Three classes of noisy PNGs, each of a colour of its own."""
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for name, color in COLORS.items():
            for number in range(count if part == "train" else count // 2):
                image = 0.4 * np.array(color) + rng.uniform(0, 150, (side, side, 3))
                file = root / part / name / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(tf.io.encode_png(image.astype(np.uint8)).numpy())
    return root


@pytest.mark.slow
def test_own_task(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("own_task", ROOT / "examples/own_task.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    sys.modules["own_task"] = example
    spec.loader.exec_module(example)
    example.main(str(photos(tmp_path / "photos")), str(tmp_path / "out"), 4, 12)
    output = capsys.readouterr().out
    assert "PASS" in output
    assert "pgd20" in output
    record = json.loads((tmp_path / "out/record.json").read_text())
    assert record["n"] == 12
    images = np.zeros((2, 48, 48, 3), np.float32)
    served = tf.saved_model.load(str(tmp_path / "out/student")).signatures["serve"]
    assert next(iter(served(tf.constant(images)).values())).shape == (2, 3)
