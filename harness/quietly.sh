#!/bin/sh
# quietly.sh COMMAND...: runs `ssmbench verify ...`, prints its last line, or all that did not pass.
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" > "$log" 2>&1
status=$?
if [ $status = 0 ]; then
    tail -n 1 "$log"
else
    grep -v '^PASS' "$log"
    echo "exit status $status: $*"
fi
exit $status
