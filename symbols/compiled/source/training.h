/* A program carried out so that it can be derived, and its gradients. */
#pragma once
#include <memory>
#include <vector>

#include "convolution.h"

namespace unequal {

// inputs[k] is the k-th input of the operator; a program's numbers of weights index it.
class Training {
 public:
  Training(const Program &program, const Shape &data);

  // Keeps every register until Backward. Normalises by the statistics of the batch and moves the
  // moving averages, or by these as they are. `result` in plain layout.
  enum Statistics { kOfBatch, kMoving };
  void Forward(const std::vector<float *> &inputs, const float *data, Statistics statistics,
               float *result, Pool *pool);
  // gradients[k] receives that of input k (null: not wanted). Each Forward has one Backward.
  void Backward(const std::vector<float *> &inputs, const float *data, const float *dresult,
                float *ddata, const std::vector<float *> &gradients, Pool *pool);

 private:
  // What a normalisation did: y = f(scale x + shift).
  struct Applied {
    std::vector<float> scale, shift, mean;
    std::vector<double> inverse;
    Statistics statistics;
  };
  void Normalise(size_t index, const std::vector<float *> &inputs, Statistics statistics,
                 Pool *pool);
  std::shared_ptr<float> NormGradient(size_t index, const std::vector<float *> &inputs,
                                      std::shared_ptr<float> dy,
                                      const std::vector<float *> &gradients, Pool *pool) const;
  std::shared_ptr<float> TakeMap(int reg, Pool *pool) const;
  // Registers' gradients add up where a register is read more than once.
  void Accumulate(int reg, std::shared_ptr<float> gradient, Pool *pool);

  Program program_;
  std::vector<Shape> shapes_;
  std::vector<std::unique_ptr<Convolution>> convolutions_;  // null where there is none
  std::vector<Applied> applied_;
  std::vector<std::shared_ptr<float>> registers_, gradients_;
};

}  // namespace unequal
