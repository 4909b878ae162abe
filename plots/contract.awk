# The contract at the head of a kernel's file: "about<tab>TEXT", then "FIELD<tab>TEXT" for each of
# its fields.

function flush() {
    if (field)
        print field "\t" text
}

FNR == 1 {
    field = "about"
    text = $0
    sub(/^\/\* [^:]*: */, "", text)
    next
}
/\*\// { exit }
/^ \* (Computes|Accepts|Layout|Algorithm|Cost|Error|Source)  / {
    flush()
    field = $2
    text = $0
    sub(/^ \* [A-Z][a-z]+ +/, "", text)
    next
}
{
    sub(/^ \* */, "")
    if ($0 != "" && $0 != " *")
        text = text " " $0
}
END { flush() }
