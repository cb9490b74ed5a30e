"""The files for Slurm and Kubernetes give every worker its TF_CONFIG."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from igam_tf.core.cluster import VARIABLE, cluster

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
# Slurm's programs: what they print and start, without a cluster.
SCONTROL = """#!/bin/bash
[[ $* == "show hostnames $SLURM_JOB_NODELIST" ]] || exit 9
printf 'n%s\\n' ${SLURM_JOB_NODELIST//,/ }
"""
SRUN = """#!/bin/bash
echo "$1 $2" >>"$NOTES/srun"
while [[ $1 == --* ]]; do shift; done
status=0
for ((SLURM_PROCID = SLURM_NTASKS - 1; SLURM_PROCID >= 0; SLURM_PROCID--)); do
    SLURM_PROCID=$SLURM_PROCID "$@" || status=$?
done
exit $status
"""
VERB = """#!/bin/bash
printf '%s\\n' "$TF_CONFIG" "$TF_NUM_INTRAOP_THREADS" "$@" >>"$NOTES/$SLURM_PROCID"
echo "task $SLURM_PROCID"
[[ -e $NOTES/fail ]] || exit 0
code=$(head -1 "$NOTES/fail")
sed -i 1d "$NOTES/fail"
exit ${code:-0}
"""


@pytest.fixture
def notes(tmp_path: pathlib.Path) -> pathlib.Path:
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN), ("igam", VERB)):
        program = tmp_path / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


def submit(notes: pathlib.Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Runs the batch script as Slurm does, on its copy in another directory."""
    script = notes.parent / "slurm_script"
    script.write_bytes((EXAMPLES / "slurm.sh").read_bytes())
    slurm = {
        **{"SLURM_JOB_NODELIST": "1,7", "SLURM_NTASKS": "4", "SLURM_JOB_ID": "41002"},
        **{"SLURM_PROCID": "0", "SLURM_CPUS_PER_TASK": "8", **variables},
    }
    path = f"{notes.parent / 'programs'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", str(script), *arguments],
        env={"PATH": path, "NOTES": str(notes), **slurm},
        cwd=notes.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_slurm_task_is_a_worker(notes: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = submit(notes, "evaluate", "a b", "--output=x.json")
    assert (process.returncode, process.stdout, process.stderr) == (0, "task 0\n", "")
    addresses = tuple(f"n{host}:{20064 + task}" for host in (1, 7) for task in (0, 1))
    for index in range(4):
        text, *rest = (notes / str(index)).read_text().splitlines()
        assert rest == ["8", "evaluate", "a b", "--output=x.json"]
        monkeypatch.setenv(VARIABLE, text)
        workers = cluster()
        assert workers is not None
        assert (workers.workers, workers.index) == (addresses, index)
        if index:
            assert (notes.parent / f"igam-41002-{index}.log").read_text() == f"task {index}\n"
    assert "--kill-on-bad-exit=1" in (notes / "srun").read_text()


@pytest.mark.parametrize(
    ("codes", "starts", "code"),
    [("0 137 0 0", 2, 0), ("2 2 2 2", 1, 2), ("75 " * 99, 3, 75)],
)
def test_slurm_tasks_start_again_together(
    notes: pathlib.Path, codes: str, starts: int, code: int
) -> None:
    (notes / "fail").write_text(codes.replace(" ", "\n") + "\n")
    process = submit(notes, "evaluate", RESTARTS="2")
    assert process.returncode == code
    assert len((notes / "srun").read_text().splitlines()) == starts


def test_slurm_nodes_have_as_many_tasks(notes: pathlib.Path) -> None:
    process = submit(notes, "evaluate", SLURM_NTASKS="3")
    assert process.returncode == 2
    assert set(process.stderr.splitlines()) == {"slurm.sh: expected as many tasks on every node"}


def test_every_pod_is_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (EXAMPLES / "kubernetes.yaml").read_text()
    (name,) = set(re.findall(r"^  name: (\S+)$", text, re.M))
    (count,) = {int(each) for each in re.findall(r"(?:completions|parallelism): (\d+)", text)}
    (subdomain,) = re.findall(r"subdomain: (\S+)", text)
    (value,) = re.findall(r"name: TF_CONFIG\n +value: >-\n((?: +[{\"].*\n)+)", text)
    for index in range(count):
        config = re.sub(r"\s+", " ", value).replace("$(TASK_INDEX)", str(index))
        json.loads(config)
        monkeypatch.setenv(VARIABLE, config)
        workers = cluster()
        assert workers is not None
        assert workers.index == index
        assert workers.workers == tuple(f"{name}-{pod}.{subdomain}:2222" for pod in range(count))
    assert text.index("name: TASK_INDEX") < text.index("name: TF_CONFIG")  # so that it is replaced


def test_the_pods_yaml_can_be_read() -> None:
    yaml = pytest.importorskip("yaml")
    service, job = yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text())
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert service["metadata"]["name"] == job["spec"]["template"]["spec"]["subdomain"]
