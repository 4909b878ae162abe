#!/bin/sh
# plots_test.sh SSMBENCH: pictures of the committed results. Each that the rows promise is there, whole, names
# its machine and has a curve for each variant; a folder without rows gets a sentence. Silence is not enough.
set -eu
plots=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/empty"
fail() {
    echo "plots_test: $*" >&2
    exit 1
}

"$plots/plots.sh" "$1" results "$work/out" > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "plots.sh failed"; }
grep -v '^plots: ' "$work/log" >&2 && fail "unexpected output, above"

# "MACHINE FILE VARIANTS" of each sweep of lengths that has a time, by another road than sweep.awk's.
for folder in results/*/; do
    "$1" table speedup --format csv "$folder"*.jsonl > "$work/csv"
    awk -f "$plots/csv.awk" -f "$plots/promise.awk" -v folder="$(basename "$folder")" "$work/csv"
done > "$work/promised"
[ -s "$work/promised" ] || fail "the committed rows promise no picture"

pictures=0
while IFS='|' read -r folder machine id variants; do
    for kind in time speedup error; do
        file=$work/out/$folder/$kind-$id
        [ -s "$file.png" ] || fail "no $file.png"
        grep -q "$machine" "$file.svg" || fail "$file.svg does not name $machine"
        for variant in $variants; do
            [ "$(grep -c "<title>$variant</title>" "$file.svg")" = 1 ] || fail "$file.svg: no curve of $variant"
        done
        [ "$(grep '<title>[a-z]' "$file.svg" | grep -vc '<title>gnuplot_')" = "$(echo "$variants" | wc -w)" ] || fail "$file.svg: curves of no variant"
    done
done < "$work/promised"
for kind in time speedup error memory roofline step; do
    [ -e "$(find "$work/out" -name "$kind-*.svg" | head -n 1)" ] || fail "no picture of $kind"
done
for file in "$work"/out/*/*.svg; do
    tail -n 2 "$file" | grep -q '</svg>' || fail "$file is cut off"
    if command -v xmllint >/dev/null; then
        xmllint --noout "$file" || fail "$file is not well-formed"
    fi
    pictures=$((pictures + 1))
done

status=0
"$plots/plots.sh" "$1" "$work/empty" "$work/none" > "$work/log" 2>&1 || status=$?
[ "$status" = 3 ] || fail "an empty folder: exit status $status"
grep -q '^plots: no rows in ' "$work/log" || fail "an empty folder: no sentence"
echo "plots: $pictures pictures of the committed results, all as their rows promise"
