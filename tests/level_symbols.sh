#!/bin/sh
# usage: level_symbols.sh NM LEVEL OBJECT...
# Of functions that several object files define (inline functions, templates) the linker keeps one. One that was compiled
# for a newer instruction set must never stand in for the others: so every global or weak symbol of a kernel file must lie
# in its level's namespace, or be its part of a Levels<...> table (autograd/kernels/level.h).
nm=$1 level=$2
shift 2
[ $# -gt 0 ] || { echo "no object files"; exit 1; }
symbols=$("$nm" -C --defined-only --extern-only "$@" | sed -n 's/^[0-9a-f]* *[A-Za-z] //p')
[ -n "$symbols" ] || { echo "no symbols in $*"; exit 1; }
# DW.ref...: a pointer that the handling of exceptions shares.
strangers=$(echo "$symbols" | grep -v -e '^DW\.ref\.' -e "kernels::$level::" -e "^transformlet::kernels::Levels<.*>::$level\$")
[ -z "$strangers" ] && exit 0
echo "defined for $level, though the linker may take them for another level:"
echo "$strangers" | sort -u
exit 1
