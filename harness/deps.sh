#!/bin/sh
# deps.sh PACKAGE...: installs the Debian packages that are missing.
set -eu
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "ssmbench: no apt-get here. Install with this system's package manager: a C11 and C++17"
    echo "compiler with OpenMP, make, git, gnuplot (5.2 or newer), cmark-gfm, clang-format 14, the headers"
    echo "and libraries of Criterion (2.4), inih, jansson, Random123, KISS FFT and libsndfile, and, for the"
    echo "tests, Python with numpy. Debian calls them: $*"
    exit 0
fi
missing=
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
        missing="$missing $package"
done
if [ -n "$missing" ]; then
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    export DEBIAN_FRONTEND=noninteractive
    $root apt-get update -q
    # shellcheck disable=SC2086
    $root apt-get install -q -y --no-install-recommends $missing
fi
command -v nvcc >/dev/null ||
    echo "ssmbench: no nvcc on the PATH. For CUDA variants install the CUDA Toolkit, 11.8 or newer."
