#!/usr/bin/env bash
# A verb of igam on several nodes under Slurm, what `igam launch` does on one machine.
#
#   sbatch examples/slurm.sh evaluate runs/STUDENT --attacks=autoattack --output=student.json
#   sbatch examples/slurm.sh train_robust --strategy=multi_worker --dataset=cifar10 --resume
#
# One task is one worker. All work in the directory of the submission, which all nodes share. When
# a task dies, srun ends all and they start again: training goes on from its last state (--resume
# also starts a new run), an evaluation from its parts. The output is that of the chief, task 0;
# the others write to igam-JOB-TASK.log.
#
#SBATCH --job-name=igam
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
set -euo pipefail

RESTARTS=${RESTARTS:-3}
IGAM=${IGAM:-igam}

# Prints TF_CONFIG of this task: tasks are numbered node by node, as srun does by default.
tf_config() {
    local hosts tasks_per_node port address workers="" task
    mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
    tasks_per_node=$((SLURM_NTASKS / ${#hosts[@]}))
    if ((tasks_per_node * ${#hosts[@]} != SLURM_NTASKS)); then
        echo "slurm.sh: expected as many tasks on every node" >&2
        return 2
    fi
    # Jobs that share a node have other ports, unless their numbers are a multiple of 1000 apart.
    port=$((20000 + SLURM_JOB_ID % 1000 * 32))
    for ((task = 0; task < SLURM_NTASKS; task++)); do
        address="${hosts[task / tasks_per_node]}:$((port + task % tasks_per_node))"
        workers+="${workers:+, }\"$address\""
    done
    printf '{"cluster": {"worker": [%s]}, "task": {"type": "worker", "index": %d}}\n' \
        "$workers" "$SLURM_PROCID"
}

# What every task runs. The batch script itself is on the first node alone, so srun gets the text.
task="
set -euo pipefail
$(declare -f tf_config)
TF_CONFIG=\$(tf_config)
export TF_CONFIG
export TF_NUM_INTRAOP_THREADS=\${SLURM_CPUS_PER_TASK:-0} # 0: TensorFlow's default
((SLURM_PROCID == 0)) || exec >\"igam-\$SLURM_JOB_ID-\$SLURM_PROCID.log\" 2>&1
exec $IGAM \"\$@\"
"
for ((attempt = 0; attempt <= RESTARTS; attempt++)); do
    code=0
    srun --distribution=block --kill-on-bad-exit=1 bash -c "$task" task "$@" || code=$?
    case $code in
        0 | 2) exit "$code" ;; # done, or a mistake in the flags
    esac
    echo "slurm.sh: a task failed with $code; start $((attempt + 1)) of $((RESTARTS + 1))" >&2
done
exit "$code"
