# For plots_test.sh: "FOLDER|MACHINE|ID|VARIANTS" of each case of a CSV that stands there with three lengths,
# told by its name, and with the time of a baseline.

{ csv($0) }
FNR == 1 { headings(); next }
cell("check.status") == "PASS" && cell("case") ~ /length=/ && cell("time.median_ms") > 0 {
    id = cell("op") "-" cell("backend") "-" cell("suite") "-" cell("case")
    sub(/[\/-]length=[0-9]+/, "", id)
    gsub(/\//, "-", id)
    gsub(/=/, "_", id)
    MACHINE[id] = cell("machine.name")
    LENGTHS[id] = with_word(LENGTHS[id], cell("keys.length"))
    VARIANTS[id] = with_word(VARIANTS[id], cell("variant"))
}
END {
    for (id in MACHINE)
        if (split(LENGTHS[id], unused, " ") >= 3)
            print folder "|" MACHINE[id] "|" id "|" VARIANTS[id]
}
