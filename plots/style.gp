# How every picture looks: the palette of Okabe and Ito, which the colour-blind tell apart, with a
# dash and a point shape each, so that it reads printed grey. A linetype is a variant, the same in
# all pictures of its operation. Loaded first; then the picture's own numbers; then what draws it.

set encoding utf8
set linetype 1 lc rgb '#0072B2' lw 2 dt 1            pt 7  ps 0.7
set linetype 2 lc rgb '#D55E00' lw 2 dt (12,4)       pt 5  ps 0.7
set linetype 3 lc rgb '#009E73' lw 2 dt (3,3)        pt 9  ps 0.8
set linetype 4 lc rgb '#CC79A7' lw 2 dt (12,4,3,4)   pt 13 ps 0.8
set linetype 5 lc rgb '#E69F00' lw 2 dt (20,4)       pt 11 ps 0.8
set linetype 6 lc rgb '#000000' lw 2 dt (6,3)        pt 2  ps 0.8
set linetype 7 lc rgb '#56B4E9' lw 2 dt (12,3,3,3,3,3) pt 4  ps 0.8
set linetype 8 lc rgb '#777777' lw 2 dt (2,5)        pt 6  ps 0.8
set linetype cycle 8

set border 3 lc rgb '#444444'
set tics nomirror out
set grid lc rgb '#c8c8c8' lw 1 dt 1
set lmargin at screen 0.11
set rmargin at screen 0.74
set bmargin at screen 0.25
set tmargin at screen 0.92
set key at screen 0.75, 0.92 left top Left reverse samplen 4 spacing 1.2 noenhanced
set tics font ',12'
set style fill transparent solid 0.25 noborder

# `formats`, which plots.sh sets, has the words svg and png or one of them.
terminal(format) = (format eq "svg") \
    ? "set terminal svg size 900,560 font 'Helvetica,Arial,sans-serif,14' noenhanced dashed " \
        ."background 'white'" \
    : "set terminal pngcairo size 1350,840 font 'sans,14' fontscale 1.25 linewidth 1.5 noenhanced dashed"

# What a script says before it plots: where to, its heading, the axis of a sweep, the caption.
output(kind, format) = terminal(format) \
    .sprintf("; set output '%s/%s-%s.%s'", folder, kind, id, format)
heading(what) = sprintf("set title '%s: %s'", title, what)
line_of(n, text) = \
    sprintf("set label %d '%s' at screen 0.015,%g left font ',11'", n, text, 0.14 - 0.037 * n)
caption_is(text) = line_of(1, text)."; ".line_of(2, caption)."; ".line_of(3, stale)
sweep_axis = "set logscale x; eval xtics_of_data; set xlabel axis.unit; set autoscale xfix; " \
    ."set offsets graph 0.02, graph 0.02, graph 0, graph 0"
