# How many times faster than the baseline, against length.
stats data using 5 nooutput
set yrange [STATS_min / 1.5:*]
eval sweep_axis
eval heading("speedup over ".baseline." against ".axis)
eval caption_is(shape."; medians of cold runs")
set logscale y
set ylabel "times faster than ".baseline
set format y "%g"
do for [format in formats] {
    eval output("speedup", format)
    plot for [i = 1:words(variants)] data index i - 1 \
        using 1:5 with linespoints lt word(styles, i) + 0 title word(variants, i)
}
