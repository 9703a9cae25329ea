/* One convolution of a network by oneDNN: forwards, and its two gradients. */
#pragma once
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "kernels.h"
#include "program.h"

namespace unequal {

const dnnl::engine &Engine();
dnnl::stream &Stream();

// How a map lies in memory: in blocks of so many channels as the processor's vectors hold, plain
// where the channels do not divide. All maps of a network but its input and output lie so.
dnnl::memory::desc MapDesc(const Shape &shape);
dnnl::memory::desc PlainDesc(const Shape &shape);
Extent MapExtent(const Shape &shape);

// Memory that is handed out again after use: the large arrays of a network cost page faults only once.
class Pool {
 public:
  std::shared_ptr<float> Take(int64_t floats);

 private:
  struct Kept;
  std::shared_ptr<Kept> kept_;
};

// The slopes after a normalisation: null for none, zeros for ReLU.
const float *Slope(const Instruction &norm, const std::vector<float *> &inputs, int64_t channels);

// Copies `from` into the layout of `to`.
void Reorder(const dnnl::memory::desc &from, const float *source, const dnnl::memory::desc &to,
             float *target);

// factor x + summand of the data, which is plain, in the layout of a map.
void AffineOfData(const Instruction &affine, const Shape &shape, const float *data, float *map);

// What is done to the result of a convolution before it is written: nothing; adding a bias; adding
// to what is there, or the PReLU of a slope per channel (not both).
struct Finish {
  bool bias = false, sum = false, prelu = false;
};

class Convolution {
 public:
  Convolution(const Instruction &instruction, const Shape &source, const Shape &result,
              bool plain_source, bool gradients, Finish finish = Finish());

  // weight: (filters, channels / groups, kernel, kernel) as MXNet keeps it.
  void Forward(const float *source, const float *weight, float *result, Pool *pool) const;
  void GradientOfSource(const float *weight, const float *dresult, float *dsource,
                        Pool *pool) const;
  void GradientOfWeight(const float *source, const float *dresult, float *dweight,
                        Pool *pool) const;

  // For weights that stay: they are brought into the forward pass's layout once.
  int64_t PackedFloats() const;
  void Pack(const float *weight, float *packed) const;
  void ForwardPacked(const float *source, const float *packed, const float *bias,
                     const float *slope, float *result, Pool *pool) const;

 private:
  dnnl::memory::desc source_, result_, weight_, bias_, slope_;
  Finish finish_;
  dnnl::convolution_forward::primitive_desc forward_;
  dnnl::convolution_backward_data::primitive_desc by_source_;
  dnnl::convolution_backward_weights::primitive_desc by_weight_;
  dnnl::convolution_forward run_forward_;
  dnnl::convolution_backward_data run_by_source_;
  dnnl::convolution_backward_weights run_by_weight_;
};

}  // namespace unequal
