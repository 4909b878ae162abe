#!/bin/sh
# generated.sh [--check] SSMBENCH FILE...: rewrites what stands between
#     <!-- generated: ARGUMENTS -->   and   <!-- end of generated -->
# with what `ssmbench ARGUMENTS` prints, or, where they begin with harness/, that script, and what
# stands after
#     <!-- quoted: FILE RE -->
# with the lines of FILE that match RE, as they are; one has to. With --check, says what is out of
# date and fails.
set -eu
check=
if [ "$1" = --check ]; then
    check=1
    shift
fi
ssmbench=$1
shift
status=0

quote() {
    echo '```'
    grep -E -- "$2" "$1" || {
        echo "generated.sh: $1: no line matches $2" >&2
        return 1
    }
    echo '```'
}

for file in "$@"; do
    new=$(mktemp)
    while IFS= read -r line; do
        command=
        case $line in
        '<!-- generated: harness/'*' -->') command=${line#<!-- generated: } ;;
        '<!-- generated: '*' -->') command="$ssmbench ${line#<!-- generated: }" ;;
        '<!-- quoted: '*' -->') command="quote ${line#<!-- quoted: }" ;;
        esac
        case $command in
        ?*)
            printf '%s\n\n' "$line"
            eval "${command% -->}" || exit 1
            printf '\n'
            while IFS= read -r line && [ "$line" != '<!-- end of generated -->' ]; do :; done
            printf '%s\n' "$line"
            ;;
        *) printf '%s\n' "$line" ;;
        esac
    done < "$file" > "$new"
    if cmp -s "$new" "$file"; then
        rm "$new"
    elif [ -n "$check" ]; then
        echo "$file: a generated part does not match its sources: run \`make readme\`"
        diff "$file" "$new" | head -n 10
        rm "$new"
        status=1
    else
        cat "$new" > "$file"
        rm "$new"
        echo "rewrote $file"
    fi
done
exit $status
