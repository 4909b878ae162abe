#!/bin/sh
# fuzz.sh --can: whether clang has what a fuzzer takes; exit status 4 when not.
# fuzz.sh BUILD SECONDS TARGET...: runs BUILD/fuzz-TARGET on a copy of corpus/TARGET, which grows, in
# BUILD/corpus/TARGET; SECONDS in all. Exit status 1 when a promise was broken: what did it is named.
set -eu
if [ "$1" = --can ]; then
    program='#include <omp.h>
int LLVMFuzzerTestOneInput(const char *data, long size);
int LLVMFuzzerTestOneInput(const char *data, long size) { return !data + size < 0; }'
    if ! echo "$program" | clang -x c -fopenmp -fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null; then
        echo "ssmbench: no clang with libFuzzer and OpenMP here: expected the Debian packages clang," \
            "libclang-rt-14-dev and libomp-14-dev, or those of another version" >&2
        exit 4
    fi
    exit 0
fi
build=$1
seconds=$2
shift 2
case $seconds in
'' | *[!0-9]* | 0)
    echo "ssmbench: SECONDS=$seconds: expected a whole number above 0" >&2
    exit 2
    ;;
esac
corpora=$(dirname "$0")/corpus
status=0
for target; do
    found=$build/corpus/$target
    mkdir -p "$found" "$build/broken"
    cp "$corpora/$target"/* "$found"
    echo "fuzz: $target, $((seconds / $#)) s, beginning with $(find "$corpora/$target" -type f | wc -l) files"
    nice "$build/fuzz-$target" -max_total_time=$((seconds / $#)) -max_len=4000 -timeout=20 \
        -verbosity=0 -print_final_stats=1 -artifact_prefix="$build/broken/$target-" "$found" || {
        echo "fuzz: $target: again with $build/fuzz-$target FILE, the file named above" >&2
        status=1
    }
done
exit $status
