#!/usr/bin/env bash
# Distill a teacher on a folder of text, export the student, and try it.
#
#   scripts/distill_folder.sh TEACHER TEXT OUT [OPTION...]
#   scripts/distill_folder.sh runs/teacher data/raw runs/served --dev data/dev.conll --test data/test.conll
#
# TEXT is a folder of .txt files; the OPTIONs are those of `nlptrain tagger_kd`. Without --dev, 2 % of the text is held
# out, and the scores are the agreement with the teacher. Repeat the command to resume.
#   PRECISION  of the exported student: fp32, fp16 or int8 (int8; fp32 without --dev, which measures the loss of int8)
#   LEAST      share of the teacher's score that is required (0.9)
# Writes OUT/run (the training) and OUT/exported (the folder for `nlptrain-tag` and the runtime). Exit code: 0; 1 the
# student does not reach LEAST; 2 bad input.
set -euo pipefail

if [ $# -lt 3 ]; then
  echo "usage: $0 TEACHER TEXT OUT [OPTION...]" >&2
  exit 2
fi
teacher=$1 text=$2 out=$3
shift 3

case " $* " in
  *" --dev "* | *" --dev="*) precision=${PRECISION:-int8} ;;
  *) precision=${PRECISION:-fp32} ;;
esac

nlptrain tagger_kd --teacher "$teacher" --unlabeled "$text/*.txt" --output-dir "$out/run" "$@"
nlptrain compare "$out/run" --no-speed --require "share >= ${LEAST:-0.9}"
nlptrain export "$out/run" "$out/exported" --precision "$precision" --overwrite
files=("$text"/*.txt)
head -n 3 "${files[0]}" | nlptrain-tag "$out/exported"
