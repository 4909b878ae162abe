#!/bin/sh
# version.sh COMPILER FLAGS ARCH: what this build is made of, as C.
set -eu
commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
changed=$(git status --porcelain -- kernels reference harness cases Makefile 2>/dev/null | head -n 1)
cat <<EOF
#define SSMBENCH_COMMIT "$commit"
#define SSMBENCH_DIRTY $([ -n "$changed" ] && echo 1 || echo 0)
#define SSMBENCH_COMPILER "$1"
#define SSMBENCH_FLAGS "$2"
#define SSMBENCH_ARCH "$3"
EOF
