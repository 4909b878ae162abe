# The sweeps of a machine's rows: cases that differ in one key only (-v key=keys.length, keys.decay),
# at three values of it at least. Writes FOLDER/ID.dat, a block a variant, and FOLDER/ID.gp, what
# else the scripts need; prints a line for each: ID, and how many values it has of time, speedup,
# error, workspace. First file: what order.awk prints; second: the CSV.

BEGIN { word = key; sub(/.*\./, "", word) }

FILENAME == ARGV[1] { STYLE[$1, $2] = $3; next }
{ csv($0) }
FNR == 1 { headings(); next }

drawable() && cell(key) + 0 > 0 {
    sweep = cell("case")
    sub("/?" word "=[^/]*", "", sweep)
    id = cell("op") "-" cell("beside") "-" cell("suite") (sweep ? "-" sweep : "")
    gsub(/\//, "-", id)
    gsub(/=/, "_", id)
    if (!(id in TITLE)) {
        IDS[++ids] = id
        TITLE[id] = cell("op") " on " cell("beside") ", " cell("suite") (sweep ? "/" sweep : "")
        SHAPE[id] = shape()
    }
    variant = cell("column")
    VARIANTS[id] = with_word(VARIANTS[id], variant)
    VALUES[id] = with_word(VALUES[id], cell(key))
    ROW[id, variant, cell(key)] = measured()
    OF[id, variant] = cell("op") SUBSEP variant
    tally(id, "time", "time.median_ms")
    tally(id, "speedup", "speedup")
    tally(id, "error", "check.error")
    tally(id, "space", "workspace_bytes")
    if (cell("workspace_bytes") + 0 > SPACE[id, variant] + 0)
        SPACE[id, variant] = cell("workspace_bytes")
    if (cell("speedup") == 1)
        BASELINE[id] = variant
    note_row(id)
}

function tally(id, what, name) { COUNT[id, what] += cell(name) + 0 > 0 }

function shape(    text, i, name, part) {
    split("batch channels length state decay dtype layout a", name, " ")
    for (i = 1; i <= 8; i++)
        if (name[i] != word && cell("keys." name[i]) != "") {
            part = cell("keys." name[i])
            if (name[i] == "decay" && part == 0)
                continue
            if (name[i] != "dtype" && name[i] != "layout")
                part = name[i] " " part
            text = text (text ? ", " : "") part
        }
    return text
}

function measured(    low, high) {
    low = cell("time.low_ms") == "" ? "NaN" : cell("time.low_ms")
    high = cell("time.high_ms") == "" ? "NaN" : cell("time.high_ms")
    return cell(key) " " number("time.median_ms") " " low " " high " " number("speedup") " " \
        number("check.error") " " number("workspace_bytes")
}

function write(id,    variant, value, variants, values, i, j, styles, spaces, data, file) {
    data = folder "/" id ".dat"
    variants = split(sorted(VARIANTS[id]), variant, " ")
    values = split(sorted(VALUES[id]), value, " ")
    for (i = 1; i <= variants; i++) {
        for (j = 1; j <= values; j++)
            if ((id, variant[i], value[j]) in ROW)
                print ROW[id, variant[i], value[j]] > data
        printf "\n\n" > data
        styles = styles " " STYLE[OF[id, variant[i]]]
        spaces = spaces " " (SPACE[id, variant[i]] + 0)
    }
    close(data)
    file = folder "/" id ".gp"
    print "id = " quoted(id) "; data = " quoted(data) "; folder = " quoted(pictures) > file
    print "title = " quoted(TITLE[id]) "; shape = " quoted(SHAPE[id]) > file
    print "caption = " quoted(caption(id)) > file
    print "stale = " quoted(stale(id)) > file
    print "variants = " quoted(sorted(VARIANTS[id])) "; styles = " quoted(styles) > file
    print "spaces = " quoted(spaces) > file
    print "baseline = " quoted(BASELINE[id]) "; axis = " quoted(word) > file
    print "unit = " quoted(word == "decay" ? ", |delta*A| of a step" : "") > file
    print "xtics_of_data = " tics(sorted(VALUES[id])) > file
    close(file)
}

END {
    for (i = 1; i <= ids; i++)
        if (split(VALUES[IDS[i]], unused, " ") >= 3) {
            write(IDS[i])
            print IDS[i], COUNT[IDS[i], "time"], COUNT[IDS[i], "speedup"], COUNT[IDS[i], "error"], \
                COUNT[IDS[i], "space"]
        }
}
