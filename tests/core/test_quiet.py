"""TensorFlow starts without messages, and only when it is needed."""

import os
import subprocess
import sys

SCRIPT = """
import sys
import igam_tf
assert not {"tensorflow", "keras"} & set(sys.modules), "imported too early"
assert igam_tf.models.mnist_cnn and "tensorflow" in sys.modules
"""


def test_importing_is_quiet_and_lazy() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
