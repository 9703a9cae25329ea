/* Every loop exists for blocks of 16, 8 and 1 channels and for AVX-512, AVX2 and plain x86-64; the
 * processor chooses when the library is loaded. */
#include "kernels.h"

#include <algorithm>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

namespace unequal {
namespace {

// So many pixels are summed in float32 before they go to float64.
constexpr int64_t kPixelsAtOnce = 1024;
// A thread takes so many numbers at a time.
constexpr int64_t kPiece = 1 << 14;
// One vector register's worth of a plain row is summed side by side.
constexpr int kSide = 16;

template <int block, bool prelu>
INLINE void ApplyRun(int64_t pixels, const float *x, const float *__restrict scale,
                     const float *__restrict shift, const float *__restrict slope, float *y) {
  if (block == 1) {
    const float a = scale[0], b = shift[0], s = prelu ? slope[0] : 0.f;
#pragma omp simd
    for (int64_t p = 0; p < pixels; ++p) {
      const float z = a * x[p] + b;
      y[p] = prelu ? (z > 0.f ? z : s * z) : z;
    }
    return;
  }
  for (int64_t p = 0; p < pixels; ++p) {
#pragma omp simd
    for (int c = 0; c < block; ++c) {
      const float z = scale[c] * x[p * block + c] + shift[c];
      y[p * block + c] = prelu ? (z > 0.f ? z : slope[c] * z) : z;
    }
  }
}

template <int block>
INLINE void MomentsRun(int64_t pixels, const float *__restrict x, const float *__restrict origin,
                       double *__restrict sums, double *__restrict squares) {
  constexpr int width = block == 1 ? kSide : block;
  const int64_t steps = block == 1 ? pixels / kSide : pixels;
  float from[width];
  for (int c = 0; c < width; ++c) from[c] = origin[block == 1 ? 0 : c];
  for (int64_t begin = 0; begin < steps; begin += kPixelsAtOnce) {
    const int64_t end = std::min(steps, begin + kPixelsAtOnce);
    float sum[width] = {0.f}, square[width] = {0.f};
    for (int64_t p = begin; p < end; ++p) {
#pragma omp simd
      for (int c = 0; c < width; ++c) {
        const float d = x[p * width + c] - from[c];
        sum[c] += d;
        square[c] += d * d;
      }
    }
    for (int c = 0; c < width; ++c) {
      sums[block == 1 ? 0 : c] += sum[c];
      squares[block == 1 ? 0 : c] += square[c];
    }
  }
  for (int64_t p = steps * kSide; block == 1 && p < pixels; ++p) {
    const double d = x[p] - from[0];
    sums[0] += d;
    squares[0] += d * d;
  }
}

template <int block, bool prelu>
INLINE void SumsRun(int64_t pixels, const float *__restrict x, const float *__restrict dy,
                    const float *__restrict mean, const float *__restrict scale,
                    const float *__restrict shift, const float *__restrict slope,
                    double *__restrict dz_x, double *__restrict dz_sum,
                    double *__restrict dslope) {
  constexpr int width = block == 1 ? kSide : block;
  const int64_t steps = block == 1 ? pixels / kSide : pixels;
  float m[width], a[width], b[width], s[width];
  for (int c = 0; c < width; ++c) {
    const int from = block == 1 ? 0 : c;
    m[c] = mean[from];
    a[c] = scale[from];
    b[c] = shift[from];
    s[c] = prelu ? slope[from] : 0.f;
  }
  for (int64_t begin = 0; begin < steps; begin += kPixelsAtOnce) {
    const int64_t end = std::min(steps, begin + kPixelsAtOnce);
    float first[width] = {0.f}, second[width] = {0.f}, third[width] = {0.f};
    for (int64_t p = begin; p < end; ++p) {
#pragma omp simd
      for (int c = 0; c < width; ++c) {
        const float value = x[p * width + c], g = dy[p * width + c];
        const float z = a[c] * value + b[c];
        // without a branch around a sum: compilers give up on those
        const float dz = prelu ? g * (z > 0.f ? 1.f : s[c]) : g;
        first[c] += dz * (value - m[c]);
        second[c] += dz;
        if (prelu) third[c] += g * std::min(z, 0.f);
      }
    }
    for (int c = 0; c < width; ++c) {
      const int to = block == 1 ? 0 : c;
      dz_x[to] += first[c];
      dz_sum[to] += second[c];
      if (prelu) dslope[to] += third[c];
    }
  }
  for (int64_t p = steps * kSide; block == 1 && p < pixels; ++p) {
    const float z = a[0] * x[p] + b[0];
    const float dz = prelu ? (z > 0.f ? dy[p] : s[0] * dy[p]) : dy[p];
    dz_x[0] += static_cast<double>(dz) * (x[p] - m[0]);
    dz_sum[0] += dz;
    if (prelu && !(z > 0.f)) dslope[0] += static_cast<double>(dy[p]) * z;
  }
}

template <int block, bool prelu>
INLINE void GradientRun(int64_t pixels, const float *__restrict x, const float *dy,
                        const float *__restrict scale, const float *__restrict shift,
                        const float *__restrict slope, const float *__restrict slant,
                        const float *__restrict offset, float *dx) {
  if (block == 1) {
    const float a = scale[0], b = shift[0], s = prelu ? slope[0] : 0.f, t = slant[0],
                o = offset[0];
#pragma omp simd
    for (int64_t p = 0; p < pixels; ++p) {
      const float dz = prelu ? (a * x[p] + b > 0.f ? dy[p] : s * dy[p]) : dy[p];
      dx[p] = a * dz + t * x[p] + o;
    }
    return;
  }
  for (int64_t p = 0; p < pixels; ++p) {
#pragma omp simd
    for (int c = 0; c < block; ++c) {
      const float value = x[p * block + c], g = dy[p * block + c];
      const float dz = prelu ? (scale[c] * value + shift[c] > 0.f ? g : slope[c] * g) : g;
      dx[p * block + c] = scale[c] * dz + slant[c] * value + offset[c];
    }
  }
}

FOR_EACH_PROCESSOR void AddRun(int64_t count, const float *a, const float *b, float *sum) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) sum[i] = a[i] + b[i];
}

FOR_EACH_PROCESSOR void ScaleRun(int64_t count, const float *x, float factor, float summand,
                                 float *y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) y[i] = factor * x[i] + summand;
}

// The loops above with their constants, one function for each block and kind.
#define CONSTANTS(block, prelu, kind)                                                             \
  FOR_EACH_PROCESSOR void Apply##block##kind(int64_t n, const float *x, const float *scale,       \
                                             const float *shift, const float *slope, float *y) {  \
    ApplyRun<block, prelu>(n, x, scale, shift, slope, y);                                         \
  }                                                                                               \
  FOR_EACH_PROCESSOR void Sums##block##kind(                                                      \
      int64_t n, const float *x, const float *dy, const float *mean, const float *scale,          \
      const float *shift, const float *slope, double *dz_x, double *dz, double *dslope) {         \
    SumsRun<block, prelu>(n, x, dy, mean, scale, shift, slope, dz_x, dz, dslope);                 \
  }                                                                                               \
  FOR_EACH_PROCESSOR void Gradient##block##kind(                                                  \
      int64_t n, const float *x, const float *dy, const float *scale, const float *shift,         \
      const float *slope, const float *slant, const float *offset, float *dx) {                   \
    GradientRun<block, prelu>(n, x, dy, scale, shift, slope, slant, offset, dx);                  \
  }
#define BLOCK(block)                                                                              \
  CONSTANTS(block, false, Linear)                                                                 \
  CONSTANTS(block, true, PReLU)                                                                   \
  FOR_EACH_PROCESSOR void Moments##block(int64_t n, const float *x, const float *origin,          \
                                         double *sums, double *squares) {                         \
    MomentsRun<block>(n, x, origin, sums, squares);                                               \
  }
BLOCK(1)
BLOCK(8)
BLOCK(16)

#define CHOOSE(name, block, slope)                                                                \
  ((slope) ? ((block) == 16 ? name##16PReLU : (block) == 8 ? name##8PReLU : name##1PReLU)         \
           : ((block) == 16 ? name##16Linear : (block) == 8 ? name##8Linear : name##1Linear))

// work(run, image, first channel, offset in the array) for every contiguous run, over all threads.
template <typename Work>
void ForEachRun(const Extent &extent, const Work &work) {
  const int64_t groups = extent.channels / extent.block;
#pragma omp parallel for schedule(static)
  for (int64_t run = 0; run < extent.images * groups; ++run) {
    work(run / groups, run % groups * extent.block, run * extent.pixels * extent.block);
  }
}

// totals[c] = the sum over images of parts[image][c].
void Total(const Extent &extent, const std::vector<double> &parts, double *totals) {
  std::fill(totals, totals + extent.channels, 0.0);
  for (int64_t image = 0; image < extent.images; ++image)
    for (int64_t c = 0; c < extent.channels; ++c) totals[c] += parts[image * extent.channels + c];
}

}  // namespace

void Moments(const Extent &extent, const float *x, double *mean, double *variance) {
  const auto run = extent.block == 16 ? Moments16 : extent.block == 8 ? Moments8 : Moments1;
  // Deviations from some value of the channel: sums of squares then lose nothing to a large mean.
  std::vector<float> origin(extent.channels);
  for (int64_t c = 0; c < extent.channels; ++c)
    origin[c] = x[c / extent.block * extent.block * extent.pixels + c % extent.block];
  std::vector<double> sums(extent.images * extent.channels), squares(sums.size());
  ForEachRun(extent, [&](int64_t image, int64_t channel, int64_t offset) {
    const int64_t place = image * extent.channels + channel;
    run(extent.pixels, x + offset, &origin[channel], &sums[place], &squares[place]);
  });
  Total(extent, sums, mean);
  Total(extent, squares, variance);
  const double count = static_cast<double>(extent.images) * extent.pixels;
  for (int64_t c = 0; c < extent.channels; ++c) {
    const double deviation = mean[c] / count;
    variance[c] = std::max(0.0, variance[c] / count - deviation * deviation);
    mean[c] = origin[c] + deviation;
  }
}

void Apply(const Extent &extent, const float *x, const float *scale, const float *shift,
           const float *slope, float *y) {
  const auto run = CHOOSE(Apply, extent.block, slope);
  ForEachRun(extent, [&](int64_t, int64_t channel, int64_t offset) {
    run(extent.pixels, x + offset, scale + channel, shift + channel,
        slope ? slope + channel : nullptr, y + offset);
  });
}

void Sums(const Extent &extent, const float *x, const float *dy, const float *mean,
          const float *scale, const float *shift, const float *slope, double *dz_x, double *dz,
          double *dslope) {
  const auto run = CHOOSE(Sums, extent.block, slope);
  std::vector<double> first(extent.images * extent.channels), second(first.size()),
      third(first.size());
  ForEachRun(extent, [&](int64_t image, int64_t channel, int64_t offset) {
    const int64_t place = image * extent.channels + channel;
    run(extent.pixels, x + offset, dy + offset, mean + channel, scale + channel, shift + channel,
        slope ? slope + channel : nullptr, &first[place], &second[place], &third[place]);
  });
  Total(extent, first, dz_x);
  Total(extent, second, dz);
  Total(extent, third, dslope);
}

void Gradient(const Extent &extent, const float *x, const float *dy, const float *scale,
              const float *shift, const float *slope, const float *slant, const float *offset,
              float *dx) {
  const auto run = CHOOSE(Gradient, extent.block, slope);
  ForEachRun(extent, [&](int64_t, int64_t channel, int64_t place) {
    run(extent.pixels, x + place, dy + place, scale + channel, shift + channel,
        slope ? slope + channel : nullptr, slant + channel, offset + channel, dx + place);
  });
}

void Scale(int64_t count, const float *x, double factor, double summand, float *y) {
#pragma omp parallel for schedule(static)
  for (int64_t begin = 0; begin < count; begin += kPiece)
    ScaleRun(std::min(kPiece, count - begin), x + begin, static_cast<float>(factor),
             static_cast<float>(summand), y + begin);
}

void Add(int64_t count, const float *a, const float *b, float *sum) {
#pragma omp parallel for schedule(static)
  for (int64_t begin = 0; begin < count; begin += kPiece)
    AddRun(std::min(kPiece, count - begin), a + begin, b + begin, sum + begin);
}

}  // namespace unequal
