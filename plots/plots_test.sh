#!/bin/sh
# plots_test.sh SSMBENCH: draws the committed results, and rows of peers beside them. Each picture that the
# rows promise is there, whole, names its machine and has a curve for each variant; a folder without
# rows gets a sentence.
set -eu
plots=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/empty"
fail() {
    echo "plots_test: $*" >&2
    exit 1
}

# Rows of peers too, which have curves like any other: those of a variant under another name.
cp -r results "$work/results"
for file in results/*/speedup.jsonl; do
    sed -n 's/"variant":"chunked","backend":"cuda"/"variant":"other","backend":"peer"/p' "$file" \
        > "$work/$(dirname "$file")/peers.jsonl"
done

# A roof that binds early, which older rows lack.
sed -i -E 's/"fma_gflops":[0-9.]+,?//; s/"copy_gbs":/"fma_gflops":1234.0,&/' "$work"/results/h100/*.jsonl

# And trials of selftest-aa: two kernels, of which one is short, at each slow-down.
mkdir "$work/alone"
for trial in '0 "SAME" 0.1' '0 "SLOWER" 0.01' '0.01 "SLOWER" 0.1' '0.01 "SAME" 0.01' '0.05 "SLOWER" 0.1' '0.05 "SLOWER" 0.01'; do
    echo "$trial"
done | awk '{ printf "{\"schema\":1,\"backend\":\"cuda\",\"commit\":\"0123456789\",\"date\":\"2026-01-02\",\"machine\":{\"name\":\"Trial Machine\"},\"selftest\":{\"run\":\"1\",\"trial\":0,\"comparisons\":2,\"slower\":%s,\"obtained\":%s,\"verdict\":%s,\"a_ms\":%s}}\n", $1, $1, $2, $3 }' \
    > "$work/alone/selftest-aa.jsonl"
cp "$work/alone/selftest-aa.jsonl" "$work/results/h100/"

"$plots/plots.sh" "$1" "$work/results" "$work/out" > "$work/log" 2>&1 || fail "plots.sh: $(cat "$work/log")"
grep -v '^plots: ' "$work/log" >&2 && fail "unexpected output, above"

# What each sweep of lengths promises, by another road than that of sweep.awk.
for folder in "$work/results"/*/; do
    "$1" table speedup --format csv "$folder"*.jsonl > "$work/csv"
    awk -f "$plots/csv.awk" -f "$plots/promise.awk" -v folder="$(basename "$folder")" "$work/csv"
done > "$work/promised"
[ -s "$work/promised" ] || fail "the committed rows promise no picture"
grep -q 'other@peer' "$work/promised" || fail "rows of a peer promise no curve"

pictures=0
while IFS='|' read -r folder machine id points speedups variants; do
    for kind in time speedup error; do
        file=$work/out/$folder/$kind-$id
        if [ $kind = speedup ] && [ "$speedups" = 0 ]; then
            [ ! -e "$file.png" ] || fail "$file.png, of no speedup"
            grep -q "^plots: .*$kind-$id: no row has a time beside that of its baseline" "$work/log" ||
                fail "nothing says why there is no $file.png"
            continue
        fi
        [ -s "$file.png" ] || fail "no $file.png"
        grep -q "$machine" "$file.svg" || fail "$file.svg does not name $machine"
        for variant in $variants; do
            grep -q "<title>$variant</title>" "$file.svg" || fail "$file.svg: no curve of $variant"
        done
        curves=$(grep '<title>[a-z]' "$file.svg" | grep -vc '<title>gnuplot_')
        [ "$curves" = "$(echo "$variants" | wc -w)" ] || fail "$file.svg: $curves curves of $variants"
    done
    # The key has a point for each variant, too.
    file=$work/out/$folder/time-$id.svg
    drawn=$(($(grep "href='#gpPt" "$file" | grep -vc " id='") - curves))
    [ "$drawn" = "$points" ] || fail "$file: $drawn points for $points times"
done < "$work/promised"
for kind in time speedup error 'error-*-decay' memory roofline step selftest; do
    [ -e "$(find "$work/out" -name "$kind-*.svg" | head -n 1)" ] || fail "no picture of $kind"
done
grep -q 'fma, measured: 1234 Gflop/s' "$work"/out/h100/roofline-selscan-cuda.svg || fail "no roof of multiply-adds"
for file in "$work"/out/*/*.svg; do
    tail -n 2 "$file" | grep -q '</svg>' || fail "$file is cut off"
    if command -v xmllint >/dev/null; then
        xmllint --noout "$file" || fail "$file is not well-formed"
    fi
    pictures=$((pictures + 1))
done

# Trials are drawn without other rows, too.
"$plots/plots.sh" "$1" "$work/alone" "$work/trials" > "$work/log" 2>&1 || fail "trials alone: $(cat "$work/log")"
file=$work/trials/alone/selftest-cuda.svg
for what in 'tables' 'kernels under 20 µs' 'kernels over 20 µs' 'Trial Machine'; do
    grep -q "$what" "$file" || fail "$file lacks $what"
done

status=0
"$plots/plots.sh" "$1" "$work/empty" "$work/none" > "$work/log" 2>&1 || status=$?
[ "$status" = 3 ] || fail "an empty folder: exit status $status"
grep -q '^plots: no rows in ' "$work/log" || fail "an empty folder: no sentence"
echo "plots: $pictures pictures of the committed results, all as their rows promise"
