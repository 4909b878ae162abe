#!/bin/sh
# mutants.sh BUILD FILE...: the mutation test of the checker. In each kernel FILE, and each header
# of its folder that it includes, deletes one statement or makes one `if` unconditional: those in
# loops and those of inline functions, which loops call. A declared or returned value becomes 0, and
# 0.0 becomes 1, as without it the file would not compile. `verify quick segments` has to fail for
# every such mutant. That of a header is tried with the variants that include it, one after another,
# until one fails: `verify` runs them all, so it notices what any of them notices.
# The faults of harness/faults/*.txt come on top, each tried with the variant that it names.
# A variant that noticed one is then tried without a change, and has to pass: else it is not the
# mutant that it noticed.
#
# The Makefile exports MUTANT_CC, _CFLAGS, _CXX, _CXXFLAGS, _LDLIBS, _OBJECTS: those of the build.
# A statement whose comment begins with "cost only" or "GPU only" is spared, and counted: without it
# results are the same, later, or the same but on a GPU. So is what simt does not compile, between
# #ifdef __CUDACC__ and #else or #endif.
# EVERY=3 tries one of three, others at the next commit. VERBOSE=1 prints a line for every mutant,
# else only a survivor or a broken run gets one.
# Exit status: 0, or 1 if a mutant survived or a run was broken.
set -eu
build=$1
shift
scratch=$(mktemp -d "$build/mutants.XXXXXX")
trap 'rm -rf "$scratch"' EXIT # workers that are left end when their files are gone
trap 'exit 130' INT TERM

# The backend that a kernel file is tried on, its object there, and how that is compiled; another
# kind of file is a line more. Variables without a value get a fixed wrong one, if the compiler can.
pattern=-ftrivial-auto-var-init=pattern
$MUTANT_CC $pattern -E -x c /dev/null > "$scratch/log" 2>&1 || pattern=
rule() {
    case $1 in
    *_test.c) return 1 ;;
    *.c) backend=cpu object=$build/$1.o compile="$MUTANT_CC $MUTANT_CFLAGS" ;;
    *.cu) backend=simt object=$build/$1.simt.o compile="$MUTANT_CXX $MUTANT_CXXFLAGS -x c++" ;;
    *) return 1 ;;
    esac
    compile="$compile -O1 -g0 -Wno-error $pattern"
}

# The mutants of a file that clang-format has formatted, a line each, with tabs between: first and
# last line of the statement, what stands in its place, its text. Nesting is read from indentation.
statements() {
    awk '
    function count(text, what) { return gsub(what, "", text) }
    function other(text, before) { sub(before, "", text); return text ~ /^0\.0f?;$/ }
    {
        line = comment ? "/*" $0 : $0
        gsub(/\/\*([^*]|\*+[^*\/])*\*+\/|\/\/.*/, "", line)
        comment = sub(/\/\*.*/, "", line)
        directive = continued || line ~ /^ *#/
        if (line ~ /^ *#if.*__CUDACC__/ && line !~ /!|ifndef/)
            gpu = 1
        else if (line ~ /^ *#(else|endif)/)
            gpu = 0
        continued = directive && line ~ /\\$/
        if (directive || !match(line, /[^ ]/))
            next
        column = unit == "" ? RSTART : column
        first = unit == "" ? FNR : first
        spared = unit == "" ? gpu : spared
        spared = spared || /\/\* (cost|GPU) only/
        gsub(/^ +| +$/, "", line)
        unit = unit (unit == "" ? "" : " ") line
        sub(/^(case [^:?]+|default): ?/, "", unit)
        head = unit ~ /^(} )?(else|do|(else )?(if|for|while|switch)( constexpr)? \(.*\))( {)?$/
        if (unit == "" || count(unit, "\\(") != count(unit, "\\)") || !(head || unit ~ /[;{}]$/))
            next # it goes on in the next line

        while (depth && indent[depth] >= column)
            depth--
        new = unit
        if (head && unit ~ /^(} )?(else )?if /)
            sub(/\(.*\)/, "(1)", new)
        else if (unit ~ /^return [^;]/)
            new = "return " other(unit, "^return ") ";"
        else if (unit ~ /^[a-z][A-Za-z0-9_ *]* \**[A-Za-z0-9_]+ = .*;$/)
            sub(/ = .*/, " = " other(unit, ".* = ") ";", new)
        else if (!head && unit ~ /;$/ && unit !~ /^(}|;|\(void\)|static_assert)/)
            new = ";"
        if (depth && body[depth] && new != unit)
            printf "%d\t%d\t%s%s\t%s\n", first, FNR, spared ? "spared" : new, comment ? " /*" : "", unit

        indent[++depth] = column
        body[depth] = depth > 1 && body[depth - 1] ||
                      unit ~ /^(for|while|do) |(^| )(inline|__device__|__global__) /
        unit = ""
    }' "$1"
}

# The faults of harness/faults/*.txt, as lines of the same form behind their file, and the variant.
faults() {
    awk '
    /^[^-+# ]/ { variant = $1; file = $2 == "" ? $1 : $2 }
    /^- / { old = substr($0, 3) }
    /^\+ / {
        new = substr($0, 3)
        found = 0
        for (n = 1; (getline line < file) > 0; n++)
            if (at = index(line, old)) {
                found++
                first = n
                mutant = substr(line, 1, at - 1) new substr(line, at + length(old))
            }
        close(file)
        if (found != 1) {
            printf "mutants.sh: faults: in %s there are %d of: %s\n", file, found, old > "/dev/stderr"
            bad = 1
        }
        gsub(/^ +/, "", mutant)
        gsub(/[\\&|]/, "\\\\&", mutant)
        printf "%s\t%d\t%d\t%s\t%s\t%s\n", file, first, first, mutant, old, variant
    }
    END { exit bad }' harness/faults/*.txt
}

# Says what becomes of variant FILE in the TREE. It runs on one processor, CPU, with one thread,
# since verify pins its threads: others run beside it.
try() { # TREE FILE CPU
    rule "$2"
    name=${2#kernels/}
    others=$(echo "$MUTANT_OBJECTS" | tr -s ' ' '\n' | grep -vxF "$object")
    $compile -c "$1/$2" -o "$1/mutant.o" || { echo 'does not compile' && return; }
    # shellcheck disable=SC2086
    $MUTANT_CC -o "$1/ssmbench" "$1/mutant.o" $others $MUTANT_LDLIBS ||
        { echo 'broken: does not link' && return; }
    status=0
    OMP_NUM_THREADS=1 taskset -c "$3" timeout 150 "$1/ssmbench" verify quick segments --fail-fast --backend "$backend" \
        --variant "^${name%.*}@$backend\$" >&2 || status=$?
    case $status in
    0) echo survived ;;
    1) echo 'killed: wrong' ;;
    3) echo 'killed: refuses every case' ;;
    4) echo 'killed: asks for more memory than there is' ;;
    124) echo 'killed: time-out' ;;
    13[1-9]) echo 'killed: crash' ;;
    *) echo "broken: exit status $status" ;;
    esac
}

# Whether no other worker has taken the work of that NAME.
take() { # NAME
    mkdir "$scratch/taken/$1" 2> "$tree/log"
}

# Tries mutants on processor CPU, and then every variant that noticed one without a change.
work() { # CPU
    tree=$scratch/$1
    mkdir "$tree"
    cp -r kernels reference "$tree"
    nl -b a -n ln -w 1 "$scratch/mutants" | while IFS='	' read -r number file first last new text only; do
        take "$number" || continue
        [ "$new" != spared ] || { echo "$file:$first: spared: $text" && continue; }
        sed "$first,${last}s/.*//; ${first}s|^|$new|" "$file" > "$tree/$file"
        outcome=
        for user in ${only:-$(sed -n "s|^$file ||p" "$scratch/users")}; do
            result=$(try "$tree" "$user" "$1" 2> "$tree/log")
            case $outcome,$result in survived,does*) ;; *) outcome=$result ;; esac
            case $result in killed*) echo "$user" >> "$scratch/noticed" ;; esac
            [ "$outcome" = survived ] || break
        done
        cp "$file" "$tree/$file"
        printf '%s:%s: %s: %s  ->  %s\n' "$file" "$first" "$outcome" "$text" "$new"
    done
    sort -u "$scratch/noticed" | while read -r file; do
        take "$(echo "$file" | tr / -)" || continue
        outcome=$(try "$tree" "$file" "$1" 2> "$tree/log")
        [ "$outcome" = survived ] && echo "$file:0: passes" || echo "$file:0: broken: without any change: $outcome"
    done
}

for file in kernels/*/*; do
    rule "$file" || continue
    $compile -MM "$file" | tr -s '\\ ' '\n' | grep "^${file%/*}/[^/]*$" | sed "s|$| $file|"
done > "$scratch/users" # lines of a file and a variant that it is part of
faults > "$scratch/faults"
for file in "$@"; do
    grep "	$file\$" "$scratch/faults" || :
done > "$scratch/named"
for file in "$@"; do
    sed -n "s| $file$||p" "$scratch/users"
done | sort -u | while read -r file; do
    statements "$file" | sed "s|^|$file	|"
done | cat "$scratch/named" - | awk -v every="${EVERY:-1}" -v turn="$(git rev-list --count HEAD)" '(NR + turn) % every == 0' > "$scratch/mutants"

cpus=$(seq 0 $(($(getconf _NPROCESSORS_CONF) - 1)) |
    while read -r cpu; do taskset -c "$cpu" echo "$cpu" 2> "$scratch/log" || :; done)
mkdir "$scratch/taken"
: > "$scratch/noticed"
for cpu in $cpus; do
    work "$cpu" > "$scratch/outcomes.$cpu" &
done
wait

sort -t: -k1,1 -k2,2n "$scratch"/outcomes.* | awk -F': ' -v verbose="${VERBOSE:-}" \
    -v expected="$(wc -l < "$scratch/mutants")" -v noticed="$(sort -u "$scratch/noticed" | wc -l)" '
    { count[$2]++; tried += $1 !~ /:0$/ }
    $2 !~ /^(killed|does not compile|spared|passes)$/ || verbose
    END {
        if (tried != expected)
            printf "mutants.sh: %d of %d mutants were tried\n", tried, expected
        if (count["passes"] != noticed)
            printf "mutants.sh: %d of %d variants pass without a change\n", count["passes"], noticed
        printf "mutants: %d killed, %d do not compile, %d spared, %d survived\n", count["killed"],
            count["does not compile"], count["spared"], count["survived"]
        exit !(count["killed"] && tried == expected && count["passes"] == noticed &&
            !count["survived"] && !count["broken"])
    }'
