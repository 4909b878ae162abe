# For plots_test.sh: "FOLDER|MACHINE|ID|POINTS|SPEEDUPS|VARIANTS" of each case, told by its name, that
# a CSV has times of at three lengths. SPEEDUPS are the times that one of the baseline stands beside.

{ csv($0) }
FNR == 1 { headings(); next }
drawable() && cell("case") ~ /length=/ && cell("time.median_ms") > 0 {
    id = cell("op") "-" cell("beside") "-" cell("suite") "-" cell("case")
    sub(/[\/-]length=[0-9]+/, "", id)
    gsub(/\//, "-", id)
    gsub(/=/, "_", id)
    MACHINE[id] = cell("machine.name")
    LENGTHS[id] = with_word(LENGTHS[id], cell("keys.length"))
    POINTS[id]++
    SPEEDUPS[id] += cell("speedup") > 0
    VARIANTS[id] = with_word(VARIANTS[id], cell("column"))
}
END {
    for (id in MACHINE)
        if (split(LENGTHS[id], unused, " ") >= 3)
            print folder "|" MACHINE[id] "|" id "|" POINTS[id] "|" SPEEDUPS[id] "|" VARIANTS[id]
}
