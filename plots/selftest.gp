# How often compare finds a slow-down, against its size. Where there is none, what it finds is a
# false alarm.
eval heading("verdicts FASTER or SLOWER of what is the same, SLOWER of what is slower")
eval caption_is("variants against themselves, also slowed; bars: exact 95 % intervals")
set xlabel "slow-down (%)"
set ylabel "rate (%)"
set xtics (0, 1, 5)
set xrange [-0.5:5.5]
set yrange [-2:102]
do for [format in formats] {
    eval output("selftest", format)
    plot for [i = 1:words(series)] data index i - 1 using ($1 + 0.08 * (i - 2)):2:3:4 \
            with yerrorbars lt i dt 1 notitle, \
         for [i = 1:words(series)] data index i - 1 using ($1 + 0.08 * (i - 2)):2 \
            with linespoints lt i title word(series, i)
}
