#!/usr/bin/env bash
# The whole of nlptrain in a few minutes on a CPU: a teacher, the control, two students, and the table that compares them.
# What is finished is not done again; remove runs/demo to start anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
if [ -x .venv/bin/nlptrain ]; then
  PATH="$PWD/.venv/bin:$PATH"
fi

echo "The demo's corpus is synthetic: its sentences are invented from templates, so the scores below say how the methods"
echo "compare on it, and nothing about real text."

data=runs/demo/data
if [ ! -e "$data/unlabeled.txt" ]; then # written last
  python3 scripts/demo_corpus.py "$data"
fi

commands="transformer_token tagger tagger_kd pseudo_label"
runs=""
for command in $commands; do
  printf '\n$ nlptrain %s configs/demo/%s.yaml\n' "$command" "$command"
  nlptrain "$command" "configs/demo/$command.yaml"
  runs="$runs runs/demo/$command"
done

printf '\n$ nlptrain compare%s\n' "$runs"
# shellcheck disable=SC2086  # one argument a run
nlptrain compare $runs

printf '\n$ nlptrain predict runs/demo/tagger_kd\n'
nlptrain predict runs/demo/tagger_kd <<'END'
Victoria Osei left Harrow Labs in March and moved to Lisbon.
The new Falcon 7 has a brighter screen than the Falcon, says Delta.
Jordan flew to Jordan to buy shares in Jordan Foods.
END
