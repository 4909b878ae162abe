#!/bin/sh
# bundle.sh BINARY FOLDER: the binary, the libraries that a bare machine may lack, and the suites.
set -eu
rm -rf "$2"
mkdir -p "$2/lib"
cp "$1" "$2/ssmbench.bin"
cp -r cases "$2/"
ldd "$1" | awk '/=>/ && $3 ~ /lib(inih|jansson|gomp|stdc\+\+|gcc_s)\./ { print $3 }' |
    xargs -I{} cp -L {} "$2/lib/"
cat > "$2/ssmbench" <<'EOF'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$here/ssmbench.bin" "$@"
EOF
chmod +x "$2/ssmbench"
du -sh "$2"
