/* fft.h over KISS FFT's template. */
#include "fft.h"

#include <complex>
#include <kissfft/kissfft.hh>
#include <vector>

struct fft {
    int n;
    kissfft<double> half, backward;
    std::vector<std::complex<double>> from, to;
};

struct fft *fft_plan(int n)
{
    const size_t size = (size_t)n;
    return new fft{n, kissfft<double>(size / 2, false), kissfft<double>(size, true),
                   std::vector<std::complex<double>>(size),
                   std::vector<std::complex<double>>(size)};
}

void fft_free(struct fft *fft)
{
    delete fft;
}

void fft_real(const struct fft *fft, const double signal[], double spectrum[])
{
    fft->half.transform_real(signal, (std::complex<double> *)spectrum);
    spectrum[fft->n] = spectrum[1]; /* which is where it leaves the bin n/2 */
    spectrum[fft->n + 1] = spectrum[1] = 0;
}

void fft_adjoint(struct fft *fft, const double spectrum[], double signal[])
{
    for (int k = 0; k < fft->n; k++)
        fft->from[(size_t)k] =
            k <= fft->n / 2 ? std::complex<double>(spectrum[2 * k], spectrum[2 * k + 1]) : 0;
    fft->backward.transform(fft->from.data(), fft->to.data());
    for (int j = 0; j < fft->n; j++)
        signal[j] = fft->to[(size_t)j].real();
}
