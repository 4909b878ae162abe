# Time against length: one line a variant, in a band that is the 95 % interval of the median.
eval sweep_axis
eval heading("time against ".axis)
eval caption_is(shape."; line: median of cold runs, band: its 95 % interval")
set logscale y
set ylabel "time (ms)"
set format y "%g"
do for [format in formats] {
    eval output("time", format)
    plot for [i = 1:words(variants)] data index i - 1 \
            using 1:3:4 with filledcurves lt word(styles, i) + 0 notitle, \
         for [i = 1:words(variants)] data index i - 1 \
            using 1:2 with linespoints lt word(styles, i) + 0 title word(variants, i)
}
