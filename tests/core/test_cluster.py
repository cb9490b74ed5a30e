"""TF_CONFIG as the addresses of workers and the number of this one."""

import json
from typing import Any

import pytest

from igam_tf.core.cluster import Cluster, cluster
from igam_tf.core.errors import InputError

WORKERS = ["a:1", "b:2"]


def _configure(monkeypatch: pytest.MonkeyPatch, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    monkeypatch.setenv("TF_CONFIG", text)


def _task(jobs: dict[str, Any], kind: Any = "worker", index: Any = 0) -> dict[str, Any]:
    return {"cluster": jobs, "task": {"type": kind, "index": index}}


def test_without_tf_config_there_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster() is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (_task({"worker": WORKERS}), Cluster(("a:1", "b:2"), 0)),
        (_task({"worker": WORKERS}, index=1), Cluster(("a:1", "b:2"), 1)),
        (_task({"worker": WORKERS}, index="1"), Cluster(("a:1", "b:2"), 1)),
        (_task({"worker": WORKERS, "chief": ["c:3"]}), Cluster(("c:3", "a:1", "b:2"), 1)),
        (_task({"worker": WORKERS, "chief": ["c:3"]}, "chief"), Cluster(("c:3", "a:1", "b:2"), 0)),
        (_task({"worker": ["a:1"]}), Cluster(("a:1",), 0)),
    ],
)
def test_the_chief_comes_first(
    content: Any, expected: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    _configure(monkeypatch, content)
    assert cluster() == expected


def test_the_first_worker_is_the_chief() -> None:
    assert [Cluster(("a:1", "b:2"), index).is_chief for index in (0, 1)] == [True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "^TF_CONFIG: not JSON"),  # TensorFlow does not take it either
        ("{", "^TF_CONFIG: not JSON .*; expected {"),
        ("[]", r"^TF_CONFIG: expected {.*}, got \[\]$"),
        ({"cluster": {"worker": WORKERS}}, "^TF_CONFIG: expected {"),
        (_task({"worker": "a:1"}), "^TF_CONFIG: expected {"),
        (_task({"worker": ["a"]}), "^TF_CONFIG: expected {"),
        (_task({"worker": WORKERS}, index="one"), "^TF_CONFIG: expected {"),
        (_task({"worker": WORKERS}, index=2), "^TF_CONFIG: the cluster has no task worker 2$"),
        (_task({"worker": WORKERS}, kind="chief"), "^TF_CONFIG: the cluster has no task chief 0$"),
        (
            _task({"worker": WORKERS, "ps": ["c:3"]}),
            "^TF_CONFIG: expected tasks of type worker and at most one chief, got 2 worker, 1 ps$",
        ),
        (
            _task({"worker": ["a:1", "a:1"]}),
            "^TF_CONFIG: several tasks have one address: a:1, ",
        ),
    ],
)
def test_another_form_is_refused(
    content: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _configure(monkeypatch, content)
    with pytest.raises(InputError, match=message):
        cluster()
