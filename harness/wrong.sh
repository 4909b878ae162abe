#!/bin/sh
# wrong.sh list|table: what the wrong variants of harness/wrong/ have to be found as, by the comments
# that their files begin with: as lines of variant, status, words of the sentence and fault, with tabs
# between, or as a table of Markdown.
# wrong.sh check BINARY SUITE LIST BACKEND...: runs `BINARY verify` on each BACKEND, where every
# variant has to be found as LIST says, and each of LIST there. Prints a line for every one that is
# not. Exit status: 0, 1 if one is not, or that of verify if it does not get as far.
set -eu

list() {
    awk '
    function tell() {
        for (i = 1; i <= found; i++)
            printf "%s%s\t%s\t%s\t%s\n", variant, on[i], status[i], words[i], fault
        found = 0
    }
    FNR == 1 {
        tell()
        variant = substr($2, 1, length($2) - 1)
        fault = $0
        sub(/^[^:]*: /, "", fault)
        more = 1
        next
    }
    / \*$/ { more = 0 }
    more { fault = fault substr($0, 3) }
    / \* (Found as|On (cpu|simt|cuda)) / {
        found++
        on[found] = $2 == "On" ? "@" $3 : ""
        status[found] = $4
        sub(/:$/, "", status[found])
        words[found] = match($0, /: /) ? substr($0, RSTART + 2) : ""
    }
    END { tell() }' harness/wrong/*/*.c
}

table() {
    echo '| variant | fault | status | its sentence has |'
    echo '|---|---|---|---|'
    list | awk -F'\t' '{ printf "| `%s` | %s | %s | %s |\n", $1, $4, $2, $3 == "" ? "" : "`" $3 "`" }'
}

check() { # BINARY SUITE LIST BACKEND
    status=0
    rows=$("$1" verify "$2" --case '^small' --backend "$4" --timeout "${TIMEOUT:-8}") || status=$?
    [ $status = 1 ] || { echo "wrong.sh: verify on $4 ended with exit status $status" && return 1; }
    echo "$rows" | awk -v backend="$4" '
    BEGIN { FS = "\t" }
    NR == FNR && $1 ~ /@/ && $1 !~ "@" backend "$" { next }
    NR == FNR {
        name = $1
        sub(/@.*/, "", name)
        if (!(name in status) || $1 ~ /@/) {
            status[name] = $2
            words[name] = $3
        }
        next
    }
    match($0, /^[A-Z]+ +[a-z0-9_]+\/[a-z0-9_]+@/) {
        split($0, word, / +/)
        name = word[2]
        sub(/@.*/, "", name)
        seen[name] = 1
        if (!(name in status) || word[1] != status[name] || !index($0, words[name])) {
            printf "expected %s%s of: %s\n", status[name], words[name] == "" ? "" : " (" words[name] ")", $0
            bad = 1
        }
        good += !bad
    }
    END {
        for (name in status)
            if (!(name in seen)) {
                printf "%s@%s: expected %s, is not there\n", name, backend, status[name]
                bad = 1
            }
        if (!bad)
            printf "wrong variants: %d found on %s\n", good, backend
        exit bad
    }' "$3" -
}

case $1 in
list) list ;;
table) table ;;
check)
    shift
    binary=$1 suite=$2 expected=$3 result=0
    shift 3
    for backend in "$@"; do
        check "$binary" "$suite" "$expected" "$backend" || result=1
    done
    exit $result
    ;;
esac
