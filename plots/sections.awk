# The parts of a report: "OP<tab>BACKEND<tab>TIMED" for each operation and backend of a CSV, in its
# order; TIMED is how many rows have a time.

{ csv($0) }
FNR == 1 { headings(); next }
{
    id = cell("op") "\t" cell("backend")
    if (!(id in TIMED))
        ID[++ids] = id
    TIMED[id] += cell("time.median_ms") > 0
}
END {
    for (i = 1; i <= ids; i++)
        print ID[i] "\t" TIMED[ID[i]]
}
