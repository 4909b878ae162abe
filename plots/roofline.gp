# Bandwidth against arithmetic intensity, a point a case, below the roofs measured in the same runs:
# the copy, and the multiply-adds where rows have them (fma_high > 0). Exponentials are no function of
# the intensity. Variants stand side by side about the intensity they share.
eval heading("bandwidth against arithmetic intensity")
eval caption_is("bytes and flops of the definition, median of cold runs; variants are set side by side")
set logscale xy
eval xtics_of_data
set xlabel "arithmetic intensity (flops / byte)"
set ylabel "bandwidth (GB/s)"
set format y "%g"
aside = (intensity_high / intensity_low * 2.25) ** 0.012
set xrange [intensity_low / 1.5:intensity_high * 1.5]
set yrange [*:copy_high * 3]
range = copy_high > 1.005 * copy_low ? sprintf("%.4g to ", copy_low) : ""
roof(intensity) = fma_high > 0 && fma_high < copy_high * intensity ? fma_high / intensity : copy_high
fma = fma_high > 0 ? sprintf("; fma, measured: %.0f Gflop/s", fma_high) : ""
set label 4 sprintf("copy, measured: %s%.4g GB/s%s", range, copy_high, fma) \
    at graph 0.01, first copy_high left offset 0, 0.6 font ',12'
do for [format in formats] {
    eval output("roofline", format)
    plot roof(x) with lines lc rgb '#000000' lw 1.5 dt 1 notitle, \
         for [i = 1:words(variants)] data index i - 1 \
             using ($1 * aside ** (i - 0.5 - words(variants) / 2.0)):2 \
             with points lt word(styles, i) + 0 lw 1.5 ps 1.0 title word(variants, i)
}
