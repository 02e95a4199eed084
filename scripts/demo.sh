#!/usr/bin/env bash
# A tour of nlptrain in a few minutes on a CPU: a teacher, the control, two students, and a table that compares them.
# Finished runs are not repeated; remove runs/demo to start again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
if [ -x .venv/bin/nlptrain ]; then
  PATH="$PWD/.venv/bin:$PATH"
fi

echo "The corpus of the demo is synthetic: its sentences are generated from templates. The scores below compare the methods"
echo "on this corpus; they do not carry over to real text."

data=runs/demo/data
if [ ! -e "$data/unlabeled.txt" ]; then # written last
  python3 scripts/demo_corpus.py "$data"
fi

# As in make: a run is done if its scores are newer than the configurations.
is_done() {
  [ -e "$1" ] && [ -z "$(find configs/demo scripts/demo_corpus.py -newer "$1" -print -quit)" ]
}

commands="transformer_token tagger tagger_kd pseudo_label"
table=runs/demo/comparison.txt
runs=""
for command in $commands; do
  printf '\n$ nlptrain %s configs/demo/%s.yaml\n' "$command" "$command"
  runs="$runs runs/demo/$command"
  if is_done "runs/demo/$command/scores.json"; then
    echo "runs/demo/$command is finished"
  else
    nlptrain "$command" "configs/demo/$command.yaml"
    touch "runs/demo/$command/scores.json" # the command may have reused a finished run that is older
    rm -f "$table"
  fi
done

printf '\n$ nlptrain compare%s\n' "$runs"
if [ ! -e "$table" ]; then
  # shellcheck disable=SC2086  # one argument a run
  nlptrain compare $runs > "$table.part"
  mv "$table.part" "$table"
fi
cat "$table"

printf '\n$ nlptrain predict runs/demo/tagger_kd\n'
nlptrain predict runs/demo/tagger_kd <<'END'
Victoria Osei left Harrow Labs in March and moved to Lisbon.
The new Falcon 7 has a brighter screen than the Falcon, says Delta.
Jordan flew to Jordan to buy shares in Jordan Foods.
END
