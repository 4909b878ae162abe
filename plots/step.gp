# A training step before and after, as stacked bars: in seconds, and each as shares of itself, since
# of two bars that differ by 30 times the smaller shows nothing.
set style data histograms
set style histogram rowstacked
set style fill solid 0.9 noborder
set boxwidth 0.6
set grid noxtics
set xtics scale 0
set xrange [-0.6:1.6]
set bmargin at screen 0.2
array shade = [1, 5, 6, 7]
do for [format in formats] {
    eval output("step", format)
    set multiplot
    eval caption_is(shape)
    set title "a training step: time"
    set lmargin at screen 0.10
    set rmargin at screen 0.38
    set ylabel "sum of its parts (s)"
    set yrange [0:largest_s * 1.12]
    unset key
    plot for [i = 2:5] data using i:xtic(1) lt shade[i - 1] dt 1 notitle, \
         data using 0:6:7 with labels offset 0, 0.7 notitle
    unset label
    set title "shares of its parts"
    set lmargin at screen 0.49
    set rmargin at screen 0.74
    set ylabel "share (%)"
    set yrange [0:100]
    set key at screen 0.76, 0.92 left top Left reverse invert samplen 2 noenhanced
    plot for [i = 2:5] data using (100 * column(i) / column(6)):xtic(1) \
        lt shade[i - 1] dt 1 title word(parts, i - 1)
    unset multiplot
}
