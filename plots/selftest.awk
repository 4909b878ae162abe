# The rates of `ssmbench table selftest --format csv`, a picture a backend, into
# FOLDER/selftest-ID.dat, a block for tables and each kind of kernel, a line a slow-down: percent,
# rate, its interval; and FOLDER/selftest-ID.gp. Prints the names.

{ csv($0) }
FNR == 1 { headings(); next }
{
    id = cell("backend")
    series = cell("of")
    MACHINE[id] = cell("machine")
    COMMITS[id] = substr(cell("commit"), 1, 10)
    DATES[id] = substr(cell("date"), 1, 10)
    if (!((id, series) in LINES))
        SERIES[id] = SERIES[id] (SERIES[id] ? "|" : "") series
    LINES[id, series] = LINES[id, series] cell("slower (%)") " " cell("rate (%)") " " \
        cell("from (%)") " " cell("to (%)") "\n"
}
END {
    for (id in SERIES) {
        data = folder "/selftest-" id ".dat"
        file = folder "/selftest-" id ".gp"
        count = split(SERIES[id], name, "|")
        names = ""
        for (i = 1; i <= count; i++) {
            printf "%s%s", (i == 1 ? "" : "\n\n"), LINES[id, name[i]] > data
            names = names (i == 1 ? "" : " ") "\"" name[i] "\""
        }
        print "id = " quoted(id) "; data = " quoted(data) "; folder = " quoted(pictures) > file
        print "title = " quoted("compare on " id) "; caption = " quoted(caption(id)) > file
        print "stale = ''; series = " quoted(names) > file
        close(data)
        close(file)
        print id
    }
}
