#!/bin/sh
# report.sh SSMBENCH RESULTS OUT: what the rows RESULTS/MACHINE/*.jsonl, or RESULTS/*.jsonl, say, as
# OUT/report.md beside the plots it shows, and as OUT/report.html, the same in one file. Contracts
# of variants come from kernels/ below the current folder. Exit status as of ssmbench.
set -eu
export LC_ALL=C.UTF-8
ssmbench=$1
results=${2%/}
out=$3
plots=$(dirname "$0")
if ! command -v cmark-gfm >/dev/null; then
    echo "report: no cmark-gfm: \`make deps\` installs it" >&2
    exit 4
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
FORMATS=svg "$plots/plots.sh" "$ssmbench" "$results" "$out" > "$work/drawn"

# Text of rows and sources within Markdown, within HTML, as an anchor, as a regular expression.
as_markdown() { sed 's/[][\\`*_<>&|~!#]/\\&/g'; }
as_html() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }
as_anchor() { tr -c 'A-Za-z0-9_\n' '-'; }
as_expression() { sed 's/[][\\.*^$+?(){}|]/\\&/g; s/.*/^&$/'; }

# begin_details SUMMARY [open]: SUMMARY is HTML; blank lines tell Markdown where it begins and ends.
begin_details() { printf '<details%s>\n<summary>%s</summary>\n\n' "${2:+ open=\"open\"}" "$1"; }
end_details() { printf '\n</details>\n\n'; }

# heading LEVEL INDENT ANCHOR TEXT: a heading, and its line in the table of contents. TEXT is
# Markdown.
heading() {
    printf '%s <a id="%s"></a>%s\n\n' "$1" "$3" "$4"
    printf '%s- [%s](#%s)\n' "$2" "$4" "$3" >> "$work/contents"
}

# The functions below are about one operation on one backend of one machine; "$@" are its files.

# table_of KIND FORMAT FILE...
table_of() {
    kind=$1
    format=$2
    shift 2
    "$ssmbench" table "$kind" --op "$expression" --backend "$backend" --format "$format" "$@"
}

show_tables() {
    if [ "$op" = step ]; then
        table_of step md "$@"
    elif [ "$timed" != 0 ]; then
        table_of speedup md "$@"
        echo
        begin_details "The same with the share of the binding roof"
        table_of roof md "$@"
        end_details
    fi
    echo
}

# What simt takes beside cpu, where both ran.
show_slowdown() {
    [ "$backend" = simt ] || return 0
    "$ssmbench" table slowdown --op "$expression" --format md "$@" > "$work/slowdown"
    [ "$(grep -c '^|' "$work/slowdown")" -gt 2 ] || return 0
    cat "$work/slowdown"
    echo
}

# show_pictures FILE...: those that are there.
show_pictures() {
    for file; do
        [ ! -e "$file" ] || printf '%s\n' "$file"
    done > "$work/shown"
    [ -s "$work/shown" ] || return 0
    begin_details "Plots: $(wc -l < "$work/shown")" open
    while read -r file; do
        name=$(basename "$file" .svg)
        printf '![%s](<%s>)\n\n' "$(printf '%s\n' "$name" | as_markdown)" \
            "$(printf '%s\n' "$machine/$name.svg" | sed 's/[\\<>]/\\&/g')"
    done < "$work/shown"
    end_details
    cat "$work/shown" >> "$work/images"
}

show_plots() {
    show_pictures "$out/$machine/$op-"*.svg "$out/$machine/time-$op-$backend"-*.svg \
        "$out/$machine/speedup-$op-$backend"-*.svg "$out/$machine/error-$op-$backend"-*.svg \
        "$out/$machine/memory-$op-$backend"-*.svg "$out/$machine/roofline-$op-$backend.svg"
}

# How far comparisons on this machine can be believed, where that was measured.
show_selftest() {
    "$ssmbench" table selftest --format md "$@" > "$work/selftest" 2>/dev/null || return 0
    cat "$work/selftest"
    echo
    show_pictures "$out/$machine/selftest"-*.svg
}

# The file of a variant, if its name is that of one.
source_of() {
    suffix=cu
    [ "$backend" != cpu ] || suffix=c
    case $op/$1 in
    *[!a-z0-9_/]* | */*/*) ;;
    *) [ ! -e "kernels/$op/$1.$suffix" ] || echo "kernels/$op/$1.$suffix" ;;
    esac
}

# show_variant NAME ERROR PASSED FAILED SKIPPED: its contract, and what was measured of it.
show_variant() {
    file=$(source_of "$1")
    : > "$work/contract"
    [ -z "$file" ] || awk -f "$plots/contract.awk" "$file" > "$work/contract"
    about=$(sed -n 's/^about	//p' "$work/contract" | as_html)
    old=$(grep -cF "stale: $op/$1@$backend " "$work/stale" || true)
    begin_details \
        "<code>$(printf '%s\n' "$1" | as_html)</code>${2:+, largest error $2}${about:+: $about}"
    echo "| field | what |"
    echo "|---|---|"
    sed 1d "$work/contract" | as_markdown | sed 's/^/| /; s/	/ | /; s/$/ |/'
    echo "| Measured | largest error ${2:-unknown}; rows: $3 passed, $4 failed, $5 skipped; $old" \
        "measured before its sources last changed |"
    echo "| File | ${file:-none: these rows are of a variant that is gone} |"
    end_details
}

show_variants() {
    echo "What passed and what was skipped; then each variant's contract."
    echo
    table_of summary md "$@"
    echo
    table_of summary csv "$@" > "$work/summary"
    awk -f "$plots/csv.awk" -f "$plots/variants.awk" "$work/summary" > "$work/variants"
    while IFS='|' read -r passed failed skipped error full; do
        name=${full#"$op/"}
        show_variant "${name%"@$backend"}" "$error" "$passed" "$failed" "$skipped"
    done < "$work/variants"
}

show_rows() {
    table_of rows md "$@" > "$work/rows"
    begin_details "Each row, and the command that repeats it: $(grep -c '<code>' "$work/rows")"
    sed 's,| <code>ssmbench ,| <code>build/ssmbench ,' "$work/rows"
    end_details
}

# Pictures that lack rows, as plots.sh says it.
show_undrawn() {
    sed -n "s,^plots: $(printf '%s\n' "$machine" | sed 's/[][\\.*^$,]/\\&/g')/,,p" "$work/drawn" |
        as_markdown | sed 's/^/- not drawn: /'
    echo
}

: > "$work/contents"
: > "$work/images"
for folder in "$results"/*/ "$results"/; do
    set -- "$folder"*.jsonl
    [ -e "$1" ] || continue
    machine=$(basename "$(cd "$folder" && pwd)")
    anchor=$(printf '%s\n' "$machine" | as_anchor)
    "$ssmbench" table machine --format csv "$@" > "$work/machine"
    names=$(awk -f "$plots/csv.awk" -f "$plots/names.awk" "$work/machine")
    heading "##" "" "$anchor" "$(printf '%s\n' "$machine: $names" | as_markdown)"
    "$ssmbench" table machine --format md "$@"
    echo
    show_selftest "$@"
    show_undrawn
    "$ssmbench" table stale "$@" > "$work/stale"
    "$ssmbench" table speedup --format csv "$@" > "$work/csv"
    awk -f "$plots/csv.awk" -f "$plots/sections.awk" "$work/csv" > "$work/sections"
    while IFS='	' read -r op backend timed; do
        expression=$(printf '%s\n' "$op" | as_expression)
        heading "###" "  " "$anchor-$(printf '%s\n' "$op-$backend" | as_anchor)" \
            "$(printf '%s\n' "$op on $backend" | as_markdown)"
        show_tables "$@"
        show_slowdown "$@"
        show_plots
        show_variants "$@"
        show_rows "$@"
    done < "$work/sections"
done > "$work/body"

{
    cat << 'END'
# ssmbench: report

Generated from result rows, and from the contracts that stand at the head of each kernel's file.
A row says what was checked and timed, on which machine and of which commit; † marks one that was
measured before the sources of its variant last changed. Each number can be asked for again: below
each operation stands the command for each row, to be run where `make` made `build/ssmbench`.

END
    cat "$work/contents"
    echo
    cat "$work/body"
} > "$out/report.md"

{
    cat << 'END'
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>ssmbench: report</title>
<style>
END
    cat "$plots/report.css"
    printf '</style>\n</head>\n<body>\n<main>\n'
    cmark-gfm --unsafe -e table "$out/report.md" > "$work/html"
    awk -f "$plots/inline.awk" "$work/images" "$work/html"
    printf '</main>\n</body>\n</html>\n'
} > "$out/report.html"
echo "report: $out/report.html and $out/report.md"
