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
for line in {1..900}; do
  printf '%d\tsay %s\n' "$line" "${line//1/one}" >>pairs.txt
  printf '%s\t%d is a number\n' "$([[ $line == *[02468] ]] && echo even || echo odd)" "$line" >>texts.txt
  printf '%d CD\nis V\n\n' "$line" >>tags.txt
done
try tokenize train text.txt --vocab-size 300 --output tokenizer.json
for config in "$configs"/*.yaml; do
  name=$(basename -- "$config" .yaml)
  run=runs/$name/latest
  # Data that a config does not bring is made here, and little of it is.
  few=(evaluate.examples=30 train.batch_size=32)
  case $(grep '^task: ' "$config") in
    *'name: text'*) task=(task.path=text.txt task.test_fraction=0.1 evaluate.examples=3) ;;
    *'name: pairs'*) task=(task.path=pairs.txt "${few[@]}") ;;
    *'form: tagging'*) task=(task.path=tags.txt "${few[@]}") ;;
    *'name: labelled'*) task=(task.path=texts.txt "${few[@]}") ;;
    *) task=(task.test_size=500) ;;
  esac
  try describe "$config" "${task[@]}"
  try train "$config" train.max_steps=30 checkpoint.every=10 evaluate.every=10 "${task[@]}"
  must_exist "$run"/{config.yaml,environment.json,metrics.jsonl,events.jsonl,checkpoints/best/weights.safetensors}
  try train --resume "$run" train.max_steps=40
  must_exist "$run"/checkpoints/step-40/{weights.safetensors,optimizer.safetensors,state.json} "$run"/report.html
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
