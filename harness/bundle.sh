#!/bin/sh
# bundle.sh BINARY FOLDER: the binary, the libraries that a bare machine may lack, the suites, the
# shared library, the peers with its Python module, and the wrong variants with what they have to be
# found as.
set -eu
rm -rf "$2"
mkdir -p "$2/lib"
cp "$1" "$2/"
strip --strip-debug "$2/${1##*/}"
cp "$(dirname "$1")/libssmbench.so" "$2/"
strip --strip-debug "$2/libssmbench.so"
for program in "$(dirname "$1")"/*-cuda; do
    [ ! -e "$program" ] || cp "$program" "$2/"
done
cp "$1-wrong" "$2/"
strip --strip-debug "$2/${1##*/}-wrong"
cp -r cases "$2/"
mkdir "$2/harness"
cp -r harness/peers "$2/harness/"
mkdir "$2/harness/wrong"
cp harness/wrong.sh "$2/harness/"
cp harness/wrong/wrong.ini "$2/harness/wrong/"
harness/wrong.sh list > "$2/harness/wrong/list"
rm -rf "$2/harness/peers/__pycache__" "$2/harness/peers/implementations/__pycache__"
ldd "$1" | awk '/=>/ && $3 ~ /lib(inih|jansson|kissfft-float|sndfile|FLAC|vorbis|vorbisenc|ogg|opus|mpg123|mp3lame|gomp|stdc\+\+|gcc_s)\./ { print $3 }' |
    xargs -I{} cp -L {} "$2/lib/"
du -sh "$2"
