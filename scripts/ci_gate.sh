#!/usr/bin/env bash
# A gate for a pipeline: run a folder of experiments, and fail where a student does not reach what is asked of it.
#
#   scripts/ci_gate.sh EXPERIMENTS GATE...
#   scripts/ci_gate.sh configs/demo 'share >= 0.95' 'type.person.f1 >= 0.4'
#
# What is finished is found again, so a pipeline that keeps the folders of its runs trains only what has changed.
#   JOBS    experiments side by side (1)
#   REPORT  where the comparison goes, for the pipeline to keep (gate.txt)
# Exit code: 0 all gates hold; 1 one does not, or an experiment failed; 2 bad input.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: $0 EXPERIMENTS GATE...  (e.g. 'share >= 0.95')" >&2
  exit 2
fi
experiments=$1
shift
requirements=()
for gate in "$@"; do
  requirements+=(--require "$gate")
done

outcome=$(nlptrain run "$experiments" --jobs "${JOBS:-1}" --json)
mapfile -t runs < <(python3 -c 'import json, sys; print(*(one["output_dir"] for one in json.load(sys.stdin)), sep="\n")' <<<"$outcome")
nlptrain compare "${runs[@]}" --no-speed "${requirements[@]}" | tee "${REPORT:-gate.txt}"
