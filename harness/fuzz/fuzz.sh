#!/bin/sh
# fuzz.sh --can TARGET...: whether clang has what a fuzzer takes; exit status 4 when not, 2 when there
# is no such target.
# fuzz.sh BUILD SECONDS TARGET...: runs BUILD/fuzz-TARGET on a copy of corpus/TARGET, which grows, in
# BUILD/corpus/TARGET; SECONDS in all. Exit status 1 when a promise was broken: what did it is named.
set -eu
corpora=$(dirname "$0")/corpus
can() {
    for target; do
        if [ ! -d "$corpora/$target" ]; then
            echo "ssmbench: FUZZ=$target: expected some of $(echo $(ls "$corpora"))" >&2
            exit 2
        fi
    done
    program='#include <omp.h>
int LLVMFuzzerTestOneInput(const char *data, long size);
int LLVMFuzzerTestOneInput(const char *data, long size) { return !data + size < 0; }'
    if ! echo "$program" |
        clang -x c -fopenmp -fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null; then
        echo "ssmbench: no clang with libFuzzer and OpenMP here: expected the Debian packages clang," \
            "libclang-rt-14-dev and libomp-14-dev, or those of another version" >&2
        exit 4
    fi
}
if [ "$1" = --can ]; then
    shift
    can "$@"
    exit 0
fi
build=$1
seconds=$2
shift 2
case $seconds in
'' | *[!0-9]* | 0*)
    echo "ssmbench: SECONDS=$seconds: expected a whole number above 0" >&2
    exit 2
    ;;
esac
each=$((seconds / $# > 0 ? seconds / $# : 1)) # 0 would be for ever
status=0
for target; do
    found=$build/corpus/$target
    mkdir -p "$found" "$build/broken"
    cp "$corpora/$target"/* "$found"
    echo "fuzz: $target, $each s, beginning with $(ls "$corpora/$target" | wc -l) files"
    nice "$build/fuzz-$target" -max_total_time=$each -max_len=4000 -timeout=20 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="$build/broken/$target-" "$found" || {
        echo "fuzz: $target: again with $build/fuzz-$target FILE, the file named above" >&2
        status=1
    }
done
exit $status
