# The workspace of a variant against length; a logarithm has no place for those that take none.
eval sweep_axis
eval heading("workspace against ".axis)
eval caption_is(shape)
set logscale y
set ylabel "workspace (MB)"
set format y "%g"
none(i) = word(spaces, i) > 0 ? "" : " (none)"
do for [format in formats] {
    eval output("memory", format)
    plot for [i = 1:words(variants)] data index i - 1 \
        using 1:($7 > 0 ? $7 / 1e6 : NaN) with linespoints lt word(styles, i) + 0 title word(variants, i).none(i)
}
