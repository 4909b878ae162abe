#!/bin/sh
# report_test.sh SSMBENCH: reports on the committed results. Every row, table, picture and contract
# that they promise is in both twins; the page stands alone; text of rows stays text.
set -eu
export LC_ALL=C.UTF-8
ssmbench=$1
plots=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "report_test: $*" >&2
    exit 1
}

# Each line of a file has to stand in another: lacks PROMISED FILE WHAT.
lacks() {
    [ -s "$1" ] || fail "the committed rows promise no $3"
    awk 'NR == FNR { text = text $0 "\n"; next }
        !index(text, $0) { print; bad = 1 }
        END { exit bad }' "$2" "$1" >&2 || fail "$2 lacks the $3 above"
}

# What a reader sees of the twins, without markup.
as_text() {
    case $1 in
    *.md) sed -E ':again; s/(^|[^\\])<[^>]*>/\1/; t again; s/\\([[:punct:]])/\1/g' "$1" ;;
    *)
        sed '/<svg/,/<\/svg>/d; s/<[^>]*>//g' "$1" |
            sed 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&amp;/\&/g'
        ;;
    esac
}

# stands_alone FOLDER: its page loads nothing, has each id once and none that is not there.
stands_alone() {
    page=$1/report.html
    if command -v xmllint >/dev/null; then
        xmllint --noout "$page" || fail "$page is not well-formed"
    fi
    tail -n 1 "$page" | grep -q '</html>' || fail "$page is cut off"
    sed 's/<code>[^<]*<\/code>//g' "$page" | grep -oiE '<[a-z][^>]*' > "$work/tags"
    grep -iE '^<(script|link|iframe|object|embed|img|image|base)|[ ]on[a-z]+ *=' "$work/tags" &&
        fail "$page: a tag that loads or runs, above"
    grep -iE "(src|href|action) *= *[\"'][^#]" "$work/tags" &&
        fail "$page: a reference elsewhere, above"
    grep -iE '@import|url\([^#]' "$page" && fail "$page: a style from elsewhere, above"
    grep -oE " id=[\"'][^\"']*" "$work/tags" | cut -c6- | sort > "$work/ids"
    uniq -d "$work/ids" | grep . && fail "$page: ids that are there twice, above"
    grep -oE "(href=[\"']|url\()#[^\"')]*" "$work/tags" | sed 's/.*#//' | sort -u \
        > "$work/references"
    [ -s "$work/references" ] || fail "$page has no reference"
    sort -u "$work/ids" | comm -13 - "$work/references" | grep . &&
        fail "$page: ids that are not there, above"
    return 0
}

# How often a fixed text stands in a file, for what may stand more than once in a line.
count() { grep -oF -e "$1" "$2" | wc -l; }

out=$work/out
"$plots/report.sh" "$ssmbench" results "$out" > "$work/log" 2>&1 || fail "$(cat "$work/log")"
grep -v '^report: ' "$work/log" >&2 && fail "unexpected output, above"
stands_alone "$out"
as_text "$out/report.md" > "$work/report.md.txt"
as_text "$out/report.html" > "$work/report.html.txt"

# Each row by the command that repeats it, read from the rows themselves; as many as rows, no more.
# Trials of selftest-aa, which are many, are in its table only.
cat results/*/*.jsonl | grep -v '"selftest":{' > "$work/rows"
sed -n 's/.*"backend":"\([a-z]*\)".*"repeat":"\(.*\)"}$/\2 --backend \1/p' "$work/rows" |
    sed 's/\( --backend [a-z]*\)\1$/\1/; s,^ssmbench,build/&,; s/^\(python3 .*\) --backend peer$/\1/' \
        > "$work/commands"
[ "$(wc -l < "$work/commands")" = "$(wc -l < "$work/rows")" ] ||
    fail "rows without a command"
sort "$work/commands" > "$work/promised"
for twin in md html; do
    grep -oE '(build/ssmbench [a-z].*--backend|python3 -m peers .*--device) [a-z]*' \
        "$work/report.$twin.txt" | sort > "$work/found"
    diff "$work/promised" "$work/found" >&2 || fail "report.$twin: commands that differ, above"
done

# Tables, as ssmbench prints them for the operations that have times.
for folder in results/*/; do
    "$ssmbench" table machine --format md "$folder"*.jsonl
    [ ! -e "${folder}selftest-aa.jsonl" ] || "$ssmbench" table selftest --format md "$folder"*.jsonl
    grep -h '"time":{' "$folder"*.jsonl |
        sed 's/.*"op":"\([a-z0-9_]*\)".*"backend":"\([a-z]*\)".*/\1 \2/' | sort -u |
        while read -r op backend; do
            kinds="speedup roof summary"
            [ "$op" != step ] || kinds="step summary"
            for kind in $kinds; do
                "$ssmbench" table "$kind" --format md --op "^$op\$" --backend "$backend" \
                    "$folder"*.jsonl
            done
        done
done | grep . | sort -u > "$work/tables"
lacks "$work/tables" "$out/report.md" "line of a table"
tables=$(grep -c '^|---' "$out/report.md")
[ "$(count '<table>' "$out/report.html")" = "$tables" ] || fail "tables that were lost"
[ "$(count '<div class="wide"' "$out/report.html")" = "$tables" ] ||
    fail "tables that do not scroll"

# Pictures: those that the rows promise, all that were drawn, each where it belongs.
for folder in results/*/; do
    machine=$(basename "$folder")
    "$ssmbench" table speedup --format csv "$folder"*.jsonl > "$work/csv"
    awk -f "$plots/csv.awk" -f "$plots/promise.awk" -v folder="$machine" "$work/csv" |
        awk -F'|' -v folder="$machine" '{ print folder "/time-" $3; print folder "/error-" $3 }
            $5 > 0 { print folder "/speedup-" $3 }'
done > "$work/pictures"
[ -s "$work/pictures" ] || fail "the committed rows promise no picture"
(cd "$out" && find . -name '*.svg' | sed 's/^\.\///; s/\.svg$//') >> "$work/pictures"
sort -u "$work/pictures" > "$work/promised"
sed -n 's/^!\[.*\](<\(.*\)\.svg>)$/\1/p' "$out/report.md" | sort | diff "$work/promised" - >&2 ||
    fail "report.md: pictures that differ, above"
sed 's,.*/,,' "$work/promised" | sort > "$work/names"
sed -n 's/^<svg.* aria-label="\([^"]*\)".*/\1/p' "$out/report.html" | sort |
    diff "$work/names" - >&2 || fail "report.html: pictures that differ, above"
drawn=$(cat "$out"/*/*.svg | grep -c '<text\|<path\|<use')
[ "$drawn" -gt 1000 ] || fail "the pictures are empty"
[ "$(grep -c '<text\|<path\|<use' "$out/report.html")" = "$drawn" ] ||
    fail "pictures that were cut off"

# Each variant: its fields as they begin in its file, and the largest error of its rows.
grep -ho '"op":"[a-z0-9_]*","variant":"[a-z0-9_]*","backend":"[a-z]*"' "$work/rows" | sort -u |
    sed 's/"[a-z]*":"\([a-z0-9_]*\)"/\1/g; s/,/ /g' > "$work/variants"
while read -r op variant backend; do
    file=kernels/$op/$variant.cu
    [ "$backend" != cpu ] || file=kernels/$op/$variant.c
    [ -e "$file" ] || continue
    sed -n '/\*\//q; s/^ \* \([A-Z][a-z]*\)  */\1 /p' "$file" > "$work/fields"
    [ "$(wc -l < "$work/fields")" = 7 ] || fail "$file: expected seven fields that begin a line"
    for twin in md html; do
        awk -v variant="$variant, largest error " -v file="$file" '
            index($0, variant) == 1 { block = $0 "\n" }
            sub(/^\| /, "") { sub(/ \| /, " ") }
            block != "" && $0 != "" { block = block " " $0 }
            $0 ~ file "([^a-z]|$)" { print block; exit }' "$work/report.$twin.txt" > "$work/$twin"
        lacks "$work/fields" "$work/$twin" "contract of $file,"
        grep -q "^$variant, largest error [0-9.e-]*: " "$work/$twin" ||
            fail "report.$twin: no $variant"
    done
done < "$work/variants"
"$ssmbench" table summary --format csv results/*/*.jsonl | sed 1d > "$work/summary"
cut -d, -f1,6 "$work/summary" | while IFS=, read -r full error; do
    name=${full#*/}
    for twin in md html; do
        grep -q "^${name%@*}, largest error $error" "$work/report.$twin.txt" ||
            fail "report.$twin: no $error of $full"
    done
done

# Stale rows are marked.
stale=$("$ssmbench" table stale results/*/*.jsonl | wc -l)
[ "$(grep -c '@[a-z]*†' "$out/report.md")" = "$stale" ] || fail "stale rows that are not marked"

# Text of rows that would be markup.
mkdir -p "$work/in/a & <b>"
for variant in chunked ../../harness/main '<i>'; do
    sed -n '1s/"case":"[^"]*"/"case":"<script>alert(1)<\/script>|`*x*"/
        1s/"machine":{"name":"[^"]*"/"machine":{"name":"<img src=x onerror=y> \& [z](http:\/\/z)"/
        1s,"variant":"[^"]*","variant":"'"$variant"'",p' results/amd-epyc/speedup.jsonl
done > "$work/in/a & <b>/x.jsonl"
[ "$(grep -c '<script>.*onerror' "$work/in/a & <b>/x.jsonl")" = 3 ] || fail "no hostile rows"
"$plots/report.sh" "$ssmbench" "$work/in" "$work/hostile" > "$work/log" 2>&1 ||
    fail "$(cat "$work/log")"
stands_alone "$work/hostile"
for twin in md html; do
    as_text "$work/hostile/report.$twin" > "$work/text"
    for text in '<script>alert(1)</script>|`*x*' '<img src=x onerror=y> & [z](http://z)' \
        'a & <b>' '<i>'; do
        grep -qF -e "$text" "$work/text" || fail "report.$twin lost $text"
    done
    grep -q 'Each verb' "$work/text" && fail "report.$twin: a file that is no kernel"
done

mkdir "$work/empty"
status=0
"$plots/report.sh" "$ssmbench" "$work/empty" "$work/none" > "$work/log" 2>&1 || status=$?
[ "$status" = 3 ] || fail "an empty folder: exit status $status"
grep -q 'no rows in ' "$work/log" || fail "an empty folder: no sentence"
[ ! -e "$work/none/report.html" ] || fail "an empty folder: a report"
echo "report: $(wc -l < "$work/commands") rows, $(wc -l < "$work/variants") variants and" \
    "$(wc -l < "$work/names") pictures of the committed results, all in both twins"
