/* Loops over memory: batch normalisation with or without a PReLU after it, and additions.
 *
 * Training reads x twice forwards (moments, result) and x and dy twice backwards (sums, gradient);
 * nothing of the size of x is kept besides x itself.
 */
#pragma once
#include <cstdint>

namespace unequal {

// An array [images][channels / block][pixels][block]: plain NCHW where block is 1.
struct Extent {
  int64_t images, channels, pixels;
  int block;
};

// Mean and (biased) variance of every channel.
void Moments(const Extent &extent, const float *x, double *mean, double *variance);

// y = f(scale x + shift) with f the PReLU of `slope`, or the identity where slope is null; y may be x.
void Apply(const Extent &extent, const float *x, const float *scale, const float *shift,
           const float *slope, float *y);

// With z = scale x + shift and dz = dy f'(z), the sums over images and pixels of dz (x - mean), of
// dz, and of dy min(z, 0).
void Sums(const Extent &extent, const float *x, const float *dy, const float *mean,
          const float *scale, const float *shift, const float *slope, double *dz_x, double *dz,
          double *dslope);

// dx = scale dz + slant x + offset; dx may be dy.
void Gradient(const Extent &extent, const float *x, const float *dy, const float *scale,
              const float *shift, const float *slope, const float *slant, const float *offset,
              float *dx);

// y = factor x + summand; y may be x.
void Scale(int64_t count, const float *x, double factor, double summand, float *y);

// sum = a + b; sum may be a or b.
void Add(int64_t count, const float *a, const float *b, float *sum);

}  // namespace unequal
