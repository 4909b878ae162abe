# The workspace of a variant against length, which is what it takes beyond inputs and outputs: the
# memory_bytes of a row hold these too. A logarithm has no place for variants that take none.
eval sweep_axis
eval heading("workspace against ".axis)
eval caption_is(shape."; workspace: memory beyond inputs and outputs")
set logscale y
set ylabel "workspace (MB)"
set format y "%g"
none(i) = word(spaces, i) > 0 ? "" : " (none)"
do for [format in formats] {
    eval output("memory", format)
    plot for [i = 1:words(variants)] data index i - 1 \
        using 1:($7 > 0 ? $7 / 1e6 : NaN) with linespoints lt word(styles, i) + 0 title word(variants, i).none(i)
}
