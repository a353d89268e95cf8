#!/usr/bin/env bash
# The whole platform on real input, in minutes: prepare, train, then generate and score held-out material on one page.
# Each phase is one command that goes on where it was and passes over what is done, so nothing is kept here.
set -euo pipefail

readonly program=${PALIMPSEST_PROGRAM:-build/palimpsest} data=data/emoji4 shipped=checkpoints/emoji
# What fits into three minutes on two cores: 96 queries as blocks of 32 x 32, two masks a pair.
scoring=(--queries 96 --generated 32 --times 2 --show 12)

usage() {
  cat <<MESSAGE
usage: ./run demo [--seconds N] [--run NAME] [-- ARGUMENTS]

  --seconds N   of training (300); a run that was begun keeps the steps that were fixed then
  --run NAME    under runs/ (demo)
  ARGUMENTS     to 'palimpsest evaluate', in place of ${scoring[*]}
MESSAGE
}

say() { printf '== %s\n' "$*"; }
fail() {
  usage >&2
  printf 'demo: %s\n' "$*" >&2
  exit 2
}

# ---- one at a time, and gone when it is told to ----------------------------------------------------------------

child=0
stop() {
  trap - INT TERM
  if ((child)); then
    kill -TERM "$child" 2>/dev/null || true
    wait "$child" || true
  fi
  say "interrupted; the same command goes on from here"
  exit 130
}

# In the background, so that a signal to this script alone reaches the program too.
attend() {
  "$@" &
  child=$!
  local code=0
  wait "$child" || code=$?
  child=0
  return "$code"
}

# The lock is inherited: a program that outlived its script still holds it.
take_turn() {
  mkdir -p "$1"
  exec 9>"$1/.lock"
  flock -n 9 && return
  say "another demo is at work in $1: waiting for it to end"
  attend flock 9
}

# ---- the phases ------------------------------------------------------------------------------------------------

prepare() {
  say "data: captions and pictures of emoji, spoken by flite, as ids under $data"
  attend "$program" prepare emoji4 --out "$data"
}

train() {
  say "training: one network for all three, about $seconds s"
  attend "$program" train emoji4 --run "$run" --fit-seconds "$seconds"
}

# What ships is shown beside, with the scores that it came with.
report() {
  local beside=()
  if [[ -f $shipped/model.safetensors && -f $shipped/scores.json ]]; then beside=(--beside "$shipped"); fi
  say "held-out material: scoring and generating"
  attend "$program" evaluate "runs/$run" --data "$data" "${scoring[@]}" --out "runs/$run/scores.json" \
    --report "runs/$run/report.html" --samples-out "runs/$run/samples" "${beside[@]}"
}

seconds=300 run=demo
while (($#)); do
  case $1 in
    --seconds | --run)
      (($# >= 2)) || fail "$1 needs a value"
      if [[ $1 == --run ]]; then run=$2; else seconds=$2; fi
      shift
      ;;
    -h | --help) usage; exit ;;
    --)
      scoring=("${@:2}")
      break
      ;;
    *) fail "unknown argument '$1'" ;;
  esac
  shift
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "--seconds must be a whole number of seconds, got '$seconds'"
[[ $run =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || fail "--run must be a name, got '$run'"

trap stop INT TERM
take_turn "runs/$run"
prepare
train
report
