# Makes the HTML of a report stand alone: in place of its n-th image the SVG file that line n of the
# first input names; tables scroll by themselves. Ids of an SVG are those of gnuplot, the same in
# all of them: each gets the number of its image, and so do the references to it.

FILENAME == ARGV[1] { SVG[FNR] = $0; next }

/<img src="/ { inline(SVG[++images], attribute("alt")); next }
{
    gsub(/<table>/, "<div class=\"wide\" tabindex=\"0\"><table>")
    gsub(/<\/table>/, "</table></div>")
    print
}

function attribute(name,    text) {
    text = $0
    sub(".*" name "=\"", "", text)
    sub(/".*/, "", text)
    return text
}

# An SVG without the lines before it and the title that would be shown as a tooltip all over it.
function inline(file, label,    line, inside) {
    print "<div class=\"plot\">"
    while ((getline line < file) > 0) {
        if (line ~ /^<svg/) {
            inside = 1
            line = "<svg role=\"img\" aria-label=\"" label "\" "
        }
        if (inside && line !~ /^<title>Gnuplot<\/title>|^<desc>/)
            print numbered(line)
    }
    close(file)
    print "</div>"
    if (!inside) {
        print "report: " file ": expected an SVG" > "/dev/stderr"
        exit 1
    }
}

# Changes tags only: what stands between them is text of rows.
function numbered(line,    tag, done) {
    while (match(line, /<[^>]*>?|^[^<>]*>|^[^<>]*=.*/)) {
        tag = substr(line, RSTART, RLENGTH)
        gsub(/ id=["']/, "&plot" images "-", tag)
        gsub(/href=["']#|url\(#/, "&plot" images "-", tag)
        done = done substr(line, 1, RSTART - 1) tag
        line = substr(line, RSTART + RLENGTH)
    }
    return done line
}
