#!/usr/bin/env bash
# A gate for a CI pipeline: run a folder of experiments, and fail if a student does not meet a requirement.
#
#   scripts/ci_gate.sh EXPERIMENTS REQUIREMENT...
#   scripts/ci_gate.sh configs/demo 'share >= 0.95' 'type.person.f1 >= 0.4'
#
# Finished runs are not repeated: a pipeline that keeps their folders trains only the experiments that have changed.
#   JOBS    experiments in parallel (1)
#   REPORT  file to write the comparison to (gate.txt)
# Exit code: 0 all requirements are met; 1 one is not, or an experiment failed; 2 bad input.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: $0 EXPERIMENTS REQUIREMENT...  (e.g. 'share >= 0.95')" >&2
  exit 2
fi
experiments=$1
shift
requirements=()
for requirement in "$@"; do
  requirements+=(--require "$requirement")
done

outcome=$(nlptrain run "$experiments" --jobs "${JOBS:-1}" --json)
mapfile -t runs < <(python3 -c 'import json, sys; print(*(run["output_dir"] for run in json.load(sys.stdin)), sep="\n")' <<<"$outcome")
nlptrain compare "${runs[@]}" --no-speed "${requirements[@]}" | tee "${REPORT:-gate.txt}"
