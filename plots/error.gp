# The largest error of a variant's outputs against length or decay, below the limit of docs/numerics.md.
eval sweep_axis
eval heading("error against ".axis)
eval caption_is(shape)
set logscale y
set ylabel "largest error / largest value of its row"
set format y "%.0e"
set yrange [*:2e-5]
set arrow 1 from graph 0, first 1e-5 to graph 1, first 1e-5 nohead lc rgb '#444444' dt 2
set label 4 "limit 1e-5" at graph 0.01, first 1e-5 left offset 0, 0.6 font ',11'
do for [format in formats] {
    eval output("error", format)
    plot for [i = 1:words(variants)] data index i - 1 \
        using 1:($6 > 0 ? $6 : NaN) with linespoints lt word(styles, i) + 0 title word(variants, i)
}
