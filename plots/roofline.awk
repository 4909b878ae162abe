# What a roofline shows: a picture for each operation and backend, of the rows that have a bandwidth,
# bytes and flops. Files as of sweep.awk; prints the names of the pictures.

FILENAME == ARGV[1] { STYLE[$1, $2] = $3; next }
{ csv($0) }
FNR == 1 { headings(); next }

drawable() && cell("gbs") > 0 && cell("machine.copy_gbs") > 0 && cell("flops") > 0 && cell("bytes") > 0 {
    id = cell("op") "-" cell("beside")
    one = cell("column")
    if (!(id in TITLE)) {
        IDS[++ids] = id
        TITLE[id] = cell("op") " on " cell("beside")
    }
    VARIANTS[id] = with_word(VARIANTS[id], one)
    intensity = cell("flops") / cell("bytes")
    POINTS[id, one] = POINTS[id, one] intensity " " cell("gbs") "\n"
    INTENSITIES[id] = with_word(INTENSITIES[id], sprintf("%.3g", intensity))
    OF[id, one] = cell("op") SUBSEP one
    extend(INTENSITY_LOW, INTENSITY_HIGH, id, intensity)
    extend(COPY_LOW, COPY_HIGH, id, cell("machine.copy_gbs") + 0)
    extend(FMA_LOW, FMA_HIGH, id, cell("machine.fma_gflops") + 0)
    note_row(id)
}

function extend(low, high, id, value) {
    if (!(id in low) || value < low[id])
        low[id] = value
    if (!(id in high) || value > high[id])
        high[id] = value
}

# Of sorted values those whose labels do not touch.
function apart(list,    value, count, i, last, kept) {
    count = split(list, value, " ")
    for (i = 1; i <= count; i++)
        if (value[i] > 1.1 * last) {
            last = value[i]
            kept = kept " " last
        }
    return kept
}

END {
    for (k = 1; k <= ids; k++) {
        id = IDS[k]
        data = folder "/roofline-" id ".dat"
        file = folder "/roofline-" id ".gp"
        count = split(sorted(VARIANTS[id]), variant, " ")
        styles = ""
        for (i = 1; i <= count; i++) {
            printf "%s\n\n", POINTS[id, variant[i]] > data
            styles = styles " " STYLE[OF[id, variant[i]]]
        }
        print "id = " quoted(id) "; data = " quoted(data) "; folder = " quoted(pictures) > file
        print "title = " quoted(TITLE[id]) "; caption = " quoted(caption(id)) > file
        print "stale = " quoted(stale(id)) "; xtics_of_data = " tics(apart(sorted(INTENSITIES[id]))) > file
        print "variants = " quoted(sorted(VARIANTS[id])) "; styles = " quoted(styles) > file
        print "intensity_low = " INTENSITY_LOW[id] "; intensity_high = " INTENSITY_HIGH[id] > file
        print "copy_low = " COPY_LOW[id] "; copy_high = " COPY_HIGH[id] "; fma_high = " FMA_HIGH[id] > file
        close(data)
        close(file)
        print id
    }
}
