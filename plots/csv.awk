# Fields of a CSV line by name, for the awk programs beside it: after csv(), cell("time.median_ms").

function csv(line,    rest, text) {
    delete FIELD
    FIELDS = 0
    for (rest = line ","; rest != "";) {
        if (match(rest, /^"([^"]|"")*",/)) {
            text = substr(rest, 2, RLENGTH - 3)
            gsub(/""/, "\"", text)
        } else {
            match(rest, /^[^,]*,/)
            text = substr(rest, 1, RLENGTH - 1)
        }
        FIELD[++FIELDS] = text
        rest = substr(rest, RLENGTH + 1)
    }
}

function headings(    i) {
    for (i = 1; i <= FIELDS; i++)
        COLUMN[FIELD[i]] = i
}

function cell(name) { return name in COLUMN ? FIELD[COLUMN[name]] : "" }

function number(name) { return cell(name) == "" ? "NaN" : cell(name) }

# A string as gnuplot reads it.
function quoted(text) {
    gsub(/'/, "''", text)
    return "'" text "'"
}

# The words of a list, sorted: by value where numbers, by spelling elsewhere.
function sorted(list,    word, count, i, j, text) {
    count = split(list, word, " ")
    for (i = 2; i <= count; i++) {
        text = word[i]
        for (j = i - 1; j > 0 && (text ~ /^[0-9]/ ? word[j] + 0 > text + 0 : word[j] > text); j--)
            word[j + 1] = word[j]
        word[j + 1] = text
    }
    text = word[1]
    for (i = 2; i <= count; i++)
        text = text " " word[i]
    return text
}

# `list` with `word` in it once.
function with_word(list, word) {
    return index(" " list " ", " " word " ") ? list : list (list ? " " : "") word
}

# A row that a picture may show. A peer that is timed though wrong has no place in one.
function drawable() { return cell("check.status") == "PASS" && cell("grade") != "reduced" }

# Machine, commits, dates and stale rows of a picture, from notes kept row by row.
function note_row(id) {
    MACHINE[id] = cell("machine.name")
    COMMITS[id] = with_word(COMMITS[id], substr(cell("commit"), 1, 10))
    DATES[id] = with_word(DATES[id], substr(cell("date"), 1, 10))
    STALE[id] += cell("stale")
}

function caption(id) {
    return MACHINE[id] ", commit" (COMMITS[id] ~ / / ? "s " : " ") COMMITS[id] ", " DATES[id]
}

function stale(id,    many) {
    if (!STALE[id])
        return ""
    many = STALE[id] > 1
    return "† " STALE[id] " row" (many ? "s" : "") " measured before " (many ? "their" : "its") \
        " sources last changed"
}

# A number as it is written in cases: 1e-5 for 1e-05 and 0.00001, 0.01 and more as it is.
function short(value,    text) {
    if (value + 0 == 0 || value >= 0.01)
        return value
    text = sprintf("%.6e", value)
    sub(/\.?0+e/, "e", text)
    sub(/e-0/, "e-", text)
    return text
}

# A list as gnuplot's tics.
function tics(list,    value, count, i, text) {
    count = split(list, value, " ")
    for (i = 1; i <= count; i++)
        text = text (i > 1 ? ", " : "") quoted(short(value[i])) " " value[i]
    return quoted("set xtics (" text ")" (count > 8 ? " rotate by -30" : ""))
}
