#!/bin/sh
# bundle.sh BINARY FOLDER: the binary, the libraries that a bare machine may lack, the suites, and the
# shared library with its Python module.
set -eu
rm -rf "$2"
mkdir -p "$2/lib"
cp "$1" "$2/"
strip --strip-debug "$2/${1##*/}"
cp "$(dirname "$1")/libssmbench.so" harness/peers/ssmbench.py "$2/"
strip --strip-debug "$2/libssmbench.so"
for program in "$(dirname "$1")"/*-cuda; do
    [ ! -e "$program" ] || cp "$program" "$2/"
done
cp -r cases "$2/"
ldd "$1" | awk '/=>/ && $3 ~ /lib(inih|jansson|kissfft-float|sndfile|FLAC|vorbis|vorbisenc|ogg|opus|mpg123|mp3lame|gomp|stdc\+\+|gcc_s)\./ { print $3 }' |
    xargs -I{} cp -L {} "$2/lib/"
du -sh "$2"
