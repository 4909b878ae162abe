#!/bin/sh
# plots.sh SSMBENCH RESULTS OUT: pictures of the rows RESULTS/MACHINE/*.jsonl, or RESULTS/*.jsonl, as
# OUT/MACHINE/PLOT-ID.svg and .png, or only those of FORMATS. A plot without data is said in a line.
# Exit status as of ssmbench.
set -eu
export LC_ALL=C.UTF-8
ssmbench=$1
results=${2%/}
out=$3
plots=$(dirname "$0")
formats=${FORMATS:-svg png}
if ! command -v gnuplot >/dev/null; then
    echo "plots: no gnuplot: \`make deps\` installs it" >&2
    exit 4
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One CSV a machine, by the name of its folder.
for folder in "$results"/*/ "$results"/; do
    set -- "$folder"*.jsonl
    [ -e "$1" ] || continue
    name=$(basename "$(cd "$folder" && pwd)")
    mkdir "$work/$name"
    "$ssmbench" table selftest --format csv "$@" > "$work/$name/selftest.csv" 2>/dev/null || true
    "$ssmbench" table speedup --format csv "$@" > "$work/$name/rows.csv" || {
        status=$?
        [ -s "$work/$name/selftest.csv" ] || exit $status
    }
    "$ssmbench" table step --format csv "$@" > "$work/$name/step.csv" 2>/dev/null || true
done
set -- "$work"/*/rows.csv
if [ ! -e "$1" ]; then
    echo "plots: no rows in $results: expected MACHINE/SUITE.jsonl or SUITE.jsonl below it" >&2
    exit 3
fi
awk -f "$plots/csv.awk" -f "$plots/order.awk" "$@" > "$work/order"

# split_rows PROGRAM ASSIGNMENT: writes what the pictures need, prints their names.
split_rows() {
    awk -f "$plots/csv.awk" -f "$plots/$1" -v folder="$data" -v pictures="$pictures" -v "$2" \
        "$work/order" "$data/rows.csv"
}

# draw PLOT ID FILE VALUES MISSING: a picture, or what it lacks.
draw() {
    if [ "$4" = 0 ]; then
        echo "plots: $machine/$1-$2: $5"
    else
        gnuplot -e "formats = '$formats'" "$plots/style.gp" "$data/$3.gp" "$plots/$1.gp"
        drawn=$((drawn + $(echo "$formats" | wc -w)))
    fi
}

# draw_own PLOT MISSING: the pictures that PLOT.awk finds in PLOT.csv, or what they lack.
draw_own() {
    awk -f "$plots/csv.awk" -f "$plots/$1.awk" -v folder="$data" -v pictures="$pictures" \
        "$data/$1.csv" > "$data/$1-ids"
    [ -s "$data/$1-ids" ] || echo "plots: $machine/$1: $2"
    while read -r id; do
        draw "$1" "$id" "$1-$id" 1 ""
    done < "$data/$1-ids"
}

for csv; do
    data=$(dirname "$csv")
    machine=$(basename "$data")
    pictures=$out/$machine
    drawn=0
    mkdir -p "$pictures"
    rm -f "$pictures"/*.svg "$pictures"/*.png

    split_rows sweep.awk key=keys.length > "$data/lengths"
    [ -s "$data/lengths" ] || echo "plots: $machine/time, speedup, error, memory: no case with three lengths"
    while read -r id times speedups errors spaces; do
        draw time "$id" "$id" "$times" "no row has a time"
        draw speedup "$id" "$id" "$speedups" "no row has a time beside that of its baseline"
        draw error "$id" "$id" "$errors" "no row has an error"
        draw memory "$id" "$id" "$spaces" "no variant takes a workspace"
    done < "$data/lengths"

    split_rows sweep.awk key=keys.decay > "$data/decays"
    [ -s "$data/decays" ] || echo "plots: $machine/error against decay: no case with three decays"
    while read -r id times speedups errors spaces; do
        draw error "$id" "$id" "$errors" "no row has an error"
    done < "$data/decays"

    split_rows roofline.awk unused= > "$data/roofs"
    [ -s "$data/roofs" ] || echo "plots: $machine/roofline: no row has a time, flops and a measured copy"
    while read -r id; do
        draw roofline "$id" "roofline-$id" 1 ""
    done < "$data/roofs"

    draw_own step "no row of the operation step"
    draw_own selftest "no row of selftest-aa"
    echo "plots: $drawn pictures in $pictures"
done
