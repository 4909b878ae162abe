#!/bin/sh
# inventory.sh operations|variants|sources FOLDER [cuda]: what the folders hold, as lines of C, variants
# those of FOLDER/OP/. A .cu file is a variant of simt, and with the word cuda of cuda too; sources has
# both always.
set -eu
folder=$2
case $1 in
operations)
    for file in reference/*.c; do
        case $file in *_test.c) continue ;; esac
        echo "OPERATION($(basename "$file" .c))"
    done
    ;;
variants)
    for file in "$folder"/*/*.c "$folder"/*/*.cu; do
        case $file in *_test.c) continue ;; esac
        op=$(basename "$(dirname "$file")")
        case $file in
        *.cu)
            [ -z "${3:-}" ] || echo "ENTRY($op, $(basename "$file" .cu), cuda)"
            echo "ENTRY($op, $(basename "$file" .cu), simt)"
            ;;
        *) echo "ENTRY($op, $(basename "$file" .c), cpu)" ;;
        esac
    done
    ;;
sources)
    # The file, the headers below kernels/ that it includes, kernel.h apart, and the variants that it
    # or these declare, without comments and white space. -MG takes headers that are not installed,
    # such as CUDA's, for granted. Most files share most headers: each is read once.
    read=$(mktemp -d)
    trap 'rm -rf "$read"' EXIT
    once() { # once KIND FILE: what `KIND FILE` prints
        kept=$read/$1/$2
        if [ ! -e "$kept" ]; then
            mkdir -p "${kept%/*}"
            "$1" "$2" > "$kept"
        fi
        cat "$kept"
    }
    text() {
        if [ -e "$1" ]; then ${CC:-cc} -x c -fpreprocessed -dD -E -P "$1" 2>/dev/null | tr -d '[:space:]'; fi
    }
    parts() {
        own=$(${CC:-cc} -x c -MM -MG "$1" | tr -d '\\\n' | cut -d: -f2 | tr -s ' ' '\n' |
            grep kernels/ | grep -v 'kernels/.*kernel\.h' || echo "$1")
        echo "$own"
        # shellcheck disable=SC2086
        sed -n 's/^DECLARE_VARIANT\(_ON\)\{0,1\}(\([a-z0-9_]*\), \([a-z0-9_]*\).*/\2\/\3/p' $own |
            sort -u | while read -r other; do
            [ ! -e "kernels/$other.${1##*.}" ] || once parts "kernels/$other.${1##*.}"
        done
    }
    for file in "$folder"/*/*.c "$folder"/*/*.cu; do
        case $file in *_test.c) continue ;; esac
        op=$(basename "$(dirname "$file")")
        name=$(basename "${file%.c*}")
        hash=$(for part in "$file" $(once parts "$file" | sort); do once text "$part"; done |
            sha256sum | cut -c1-16)
        case $file in *.cu) backends='cuda simt' ;; *) backends=cpu ;; esac
        for backend in $backends; do
            echo "SOURCE(\"$op/$name@$backend\", \"$hash\")"
        done
    done
    # Of a peer every byte counts: in Python white space has a meaning.
    for file in harness/peers/implementations/*.py; do
        echo "SOURCE(\"$file\", \"$(sha256sum < "$file" | cut -c1-16)\")"
    done
    ;;
esac
