/* Fourier transforms of real signals in double precision, for references. */
#ifndef SSMBENCH_FFT_H
#define SSMBENCH_FFT_H

#ifdef __cplusplus
extern "C" {
#endif

/* A plan for signals of n samples, n even; it is one thread's own. */
struct fft;
struct fft *fft_plan(int n);
void fft_free(struct fft *fft);

/* spectrum[k] = sum over j of signal[j] * exp(-2 pi i j k / n), k = 0 ... n/2, as pairs of a real
 * and an imaginary part: n+2 doubles. */
void fft_real(const struct fft *fft, const double signal[], double spectrum[]);

/* signal[j] = sum over k = 0 ... n/2 of Re(spectrum[k] * exp(2 pi i j k / n)): the adjoint of
 * fft_real(), not its inverse. */
void fft_adjoint(struct fft *fft, const double spectrum[], double signal[]);

#ifdef __cplusplus
}
#endif

#endif
