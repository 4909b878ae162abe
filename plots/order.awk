# Numbers the variants and peers of each operation, by name, over the CSVs of all machines, so that one
# looks the same in all pictures of its operation: "op variant number".

{ csv($0) }
FNR == 1 { headings(); next }
{ VARIANTS[cell("op")] = with_word(VARIANTS[cell("op")], cell("column")) }
END {
    for (op in VARIANTS) {
        count = split(sorted(VARIANTS[op]), variant, " ")
        for (i = 1; i <= count; i++)
            print op, variant[i], i
    }
}
