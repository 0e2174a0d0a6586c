#!/usr/bin/env bash
# tests/smoke.sh PROGRAM: what a newcomer does in the first minutes, made short. Stops at the first thing that fails.
set -euo pipefail
program=$(readlink -f -- "${1:?usage: tests/smoke.sh PROGRAM}")
configs=$(dirname -- "$(readlink -f -- "$0")")/../configs
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder"
export OMP_WAIT_POLICY=passive

# Runs the program; its output is shown only if it fails, or its last line if it does not.
try() {
  printf '$ transformlet %s\n' "$*"
  "$program" "$@" >output 2>&1 || {
    local status=$?
    cat output
    printf 'smoke: failed with status %d\n' "$status"
    exit 1
  }
  tail -n 1 output
}

must_exist() {
  local file
  for file in "$@"; do
    [[ -s $file ]] || { printf 'smoke: %s is missing or empty\n' "$file"; exit 1; }
  done
}

try --version
try --help
try describe
try describe --schema
for line in {1..400}; do echo "$line is ${line//1/one} times one."; done >text.txt
try tokenize train text.txt --vocab-size 300 --output tokenizer.json
for config in "$configs"/*.yaml; do
  name=$(basename -- "$config" .yaml)
  run=runs/$name/latest
  task=(task.test_size=500)
  if grep -q '^task: {name: text' "$config"; then task=(task.path=text.txt task.test_fraction=0.1); fi
  try describe "$config" "${task[@]}"
  try train "$config" train.max_steps=30 checkpoint.every=10 evaluate.every=10 "${task[@]}"
  must_exist "$run"/{config.yaml,environment.json,metrics.jsonl,events.jsonl,checkpoints/best/weights.safetensors}
  try train --resume "$run" train.max_steps=40
  must_exist "$run"/checkpoints/step-40/{weights.safetensors,optimizer.safetensors,state.json}
  try evaluate "$run"
  try evaluate "$run" --checkpoint best --split val
  try gradcheck "$config" "${task[@]}"
done
if "$program" train "$config" "${task[@]}" train.max_stepz=1 >output 2>&1; then
  echo 'smoke: a wrong key was accepted'
  exit 1
fi
cat output
echo 'smoke: all is well'
