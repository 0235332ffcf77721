#!/bin/bash
# The workers of one scoring job: docs/deploy/slurm.md says what to run before and after.
# Usage: sbatch --array=0-11 slurm-array.sh FOLDER, where FOLDER is what `scorekeeper job plan` printed.
#SBATCH --job-name=scorekeeper
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=1G
#SBATCH --requeue
#SBATCH --open-mode=append
# A minute before the time limit, the worker is told to stop: it ends after its batch, and the shards that it committed stay.
#SBATCH --signal=TERM@60

srun scorekeeper job work "$1"
code=$?
# 75: start me again. 143 is SIGTERM before the worker could take it. The task's SLURM_JOB_ID may be that of the whole array.
if { [ "$code" -eq 75 ] || [ "$code" -eq 143 ]; } && [ "${SLURM_RESTART_COUNT:-0}" -lt 10 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
