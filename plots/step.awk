# The tables of `ssmbench table step --format csv`, each into FOLDER/step-ID.dat, a line for before
# and for after with the seconds of the parts and their sum, and FOLDER/step-ID.gp; prints the names.

function seconds(text,    part) {
    split(text, part, " ")
    return part[2] == "ms" ? part[1] / 1e3 : part[1] + 0
}

function write(    id, file, data, i, batch) {
    if (!parts)
        return
    batch = note
    gsub(/^Batch |,.*/, "", batch)
    id = "batch_" batch (SEEN[batch]++ ? "-" SEEN[batch] : "")
    data = folder "/step-" id ".dat"
    file = folder "/step-" id ".gp"
    for (i = 2; i <= 3; i++)
        printf "%s%s %.6g \"%.3g s\"\n", i == 2 ? "before" : "after", LINE[i], SUM[i], SUM[i] > data
    print "id = " quoted(id) "; data = " quoted(data) "; folder = " quoted(pictures) > file
    print "shape = " quoted(note) "; caption = " quoted(heading) > file
    print "stale = " quoted(remark) "; parts = " quoted(parts) > file
    print "largest_s = " (SUM[2] > SUM[3] ? SUM[2] : SUM[3]) > file
    close(data)
    close(file)
    print id
}

/^step on / {
    write()
    heading = $0
    sub(/^step on /, "", heading)
    sub(/ \(commit/, ", commit", heading)
    sub(/\)$/, "", heading)
    parts = note = remark = LINE[2] = LINE[3] = ""
    SUM[2] = SUM[3] = 0
}
/^(selective scan|causal conv1d|STFT loss|data processing),/ {
    csv($0)
    parts = parts (parts ? " " : "") "\"" FIELD[1] "\""
    for (i = 2; i <= 3; i++) {
        LINE[i] = LINE[i] " " seconds(FIELD[i])
        SUM[i] += seconds(FIELD[i])
    }
}
/^- Batch / { note = substr($0, 3); sub(/\. Medians of.*/, "", note) }
/^- († )?(before|after): / || /^- † / { remark = remark (remark ? "   " : "") substr($0, 3) }
END { write() }
