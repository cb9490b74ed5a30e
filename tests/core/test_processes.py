"""Worker processes: each knows its task, and one that dies ends or restarts all."""

import json
import os
import pathlib
import signal
import sys
import threading
import time

import pytest

from igam_tf.core import processes
from igam_tf.core.cluster import VARIABLE
from igam_tf.core.errors import InputError
from igam_tf.core.processes import Workers

# A worker that notes its start and does what its argument says in place of its index.
SCRIPT = """
import json, os, pathlib, signal, sys, time
config = json.loads(os.environ["TF_CONFIG"])
index = config["task"]["index"]
notes = pathlib.Path(sys.argv[1])
is_first = not list(notes.glob(f"{index}-*.json"))
(notes / f"{index}-{os.getpid()}.json").write_text(json.dumps([config, dict(os.environ)]))
print(f"{index} begins")
for action in sys.argv[2 + index].split("+"):
    while action == "hang" or action == "first" and is_first:
        time.sleep(0.05)
    while action == "once" and len(list(notes.glob("*.json"))) < len(config["cluster"]["worker"]):
        time.sleep(0.01)
    if action == "kill" or action == "once" and is_first:
        os.kill(os.getpid(), signal.SIGKILL)
    if action.isdigit():
        print(f"evaluate: {index} exits", file=sys.stderr)
        sys.exit(int(action))
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setattr(processes, "PROGRAM", (sys.executable, "-c", SCRIPT))
    monkeypatch.setattr(processes, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(processes, "OWN_END_SECONDS", 0.3)


def run(notes: pathlib.Path, *actions: str, restarts: int = 0) -> tuple[int, list[str]]:
    """The exit code and the messages; worker K does `actions[K]`."""
    messages: list[str] = []
    group = Workers([{"PART": str(index)} for index in range(len(actions))], messages.append)
    command = [str(notes), *actions]
    code = group.run(command, command, restarts)
    for process in ids(notes):
        assert not pathlib.Path(f"/proc/{process}").exists()
    return code, messages


def ids(notes: pathlib.Path) -> list[str]:
    """The ids of all processes."""
    return [path.stem.partition("-")[2] for path in sorted(notes.glob("*.json"))]


def test_each_worker_has_its_task_and_environment(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "", "", "") == (0, [])
    assert capfd.readouterr() == ("0 begins\n", "")  # the chief's output alone
    contents = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("*.json"))]
    clusters = [config["cluster"]["worker"] for config, _ in contents]
    assert len(set(clusters[0])) == 3
    assert all(address.startswith("127.0.0.1:") for address in clusters[0])
    assert clusters == 3 * clusters[:1]
    for index, (config, environment) in enumerate(contents):
        assert config["task"] == {"type": "worker", "index": index}
        assert environment["PART"] == str(index)


@pytest.mark.parametrize(
    ("actions", "code", "messages"),
    [
        # The chief's output is its own message.
        (("2", "hang"), 2, []),
        (("2", "2"), 2, []),
        (("hang", "2"), 2, ["evaluate: 1 exits"]),
        # The chief has written the result.
        (("0", "hang"), 0, []),
        (("0", "3"), 0, []),
        # A failure of all is no accident; restarts would not help.
        (("1", "1"), 1, ["worker 1 of 2 exited with 1", "worker 2 of 2 exited with 1"]),
        # Where a worker was killed, the others fail for that reason.
        (("3", "kill"), 137, [*2 * ["all"], "worker 2 of 2 was killed by SIGKILL"]),
        (("75", "4"), 4, [*2 * ["all"], "worker 2 of 2 exited with 4"]),
        (("75", "hang"), 75, [*2 * ["all"], "worker 1 of 2 exited with 75"]),
        (("kill", "hang"), 137, [*2 * ["all"], "worker 1 of 2 was killed by SIGKILL"]),
    ],
)
def test_how_workers_end(
    tmp_path: pathlib.Path, actions: tuple[str, ...], code: int, messages: list[str]
) -> None:
    actual, lines = run(tmp_path, *actions, restarts=2)
    assert actual == code
    own = [line for line in lines if not line.startswith(("worker 2: ", "all workers start again"))]
    restarts = messages.count("all")
    assert sum(line.startswith("all workers start again") for line in lines) == restarts
    last = ["the workers failed after 2 restarts"] if restarts else []
    assert own == (1 + restarts) * messages[restarts:] + last
    outputs = [line for line in lines if line.startswith("worker 2: evaluate")]
    assert bool(outputs) == (actions[1] in "14" and code != 0)


def test_all_workers_start_again_where_one_is_killed(tmp_path: pathlib.Path) -> None:
    actions = ("first+0", "once+0", "first+0")
    code, messages = run(tmp_path, *actions, restarts=1)
    assert code == 0
    assert len(ids(tmp_path)) == 2 * 3
    assert messages[0] == "worker 2 of 3 was killed by SIGKILL"
    assert messages[-1] == "all workers start again (restart 1 of 1)"


def test_restarts_are_bounded(tmp_path: pathlib.Path) -> None:
    code, messages = run(tmp_path, "hang", "kill", restarts=2)
    assert code == 128 + signal.SIGKILL
    assert [line for line in messages if "start again" in line] == [
        "all workers start again (restart 1 of 2)",
        "all workers start again (restart 2 of 2)",
    ]
    assert messages[-1] == "the workers failed after 2 restarts"


def test_a_restart_has_its_own_command(tmp_path: pathlib.Path) -> None:
    group = Workers([{}, {}], lambda line: None)
    assert group.run([str(tmp_path), "hang", "kill"], [str(tmp_path), "0", "0"], 1) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_workers(tmp_path: pathlib.Path, number: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background jobs
    handlers = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]

    def send() -> None:
        while len(ids(tmp_path)) < 3:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    assert run(tmp_path, "hang", "hang", "hang", restarts=3) == (128 + number, [])
    thread.join()
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == handlers


def test_threads_are_an_equal_part_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in processes.THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(processes.DEVICES, "-1")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(7)))
    assert processes.environments(2, None) == 2 * [dict.fromkeys(processes.THREADS, "3")]
    assert processes.environments(9, None)[8] == dict.fromkeys(processes.THREADS, "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert "OMP_NUM_THREADS" not in processes.environments(2, None)[0]
    assert processes.environments(1, 4) == [dict.fromkeys(processes.THREADS, "4")]


def test_every_worker_has_its_own_gpus(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gpus(count: int) -> list[str | None]:
        return [each.get(processes.DEVICES) for each in processes.environments(count, 1)]

    monkeypatch.setattr(processes, "GPU_LIST", tmp_path)
    monkeypatch.delenv(processes.DEVICES, raising=False)
    assert gpus(2) == [None, None]
    for index in range(5):
        (tmp_path / str(index)).mkdir()
    assert gpus(2) == ["0,1", "2,3,4"]
    monkeypatch.setenv(processes.DEVICES, "4,GPU-7")
    assert gpus(2) == ["4", "GPU-7"]
    with pytest.raises(InputError, match="workers: 3 workers need a GPU each, there are 2"):
        gpus(3)
    monkeypatch.setenv(processes.DEVICES, "-1")
    assert gpus(3) == 3 * [None]


def test_the_tests_have_no_task_themselves() -> None:
    assert VARIABLE not in os.environ
