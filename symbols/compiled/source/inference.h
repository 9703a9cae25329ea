/* A program carried out with the moving averages: convolutions take in what follows them. */
#pragma once
#include <memory>
#include <vector>

#include "convolution.h"

namespace unequal {

class Inference {
 public:
  Inference(const Program &program, const Shape &data);

  void Forward(const std::vector<float *> &inputs, const std::vector<size_t> &versions,
               const float *data, float *result, Pool *pool);

 private:
  // An instruction, with those after it that its convolution takes in.
  struct Step {
    Instruction first;
    int norm = -1;      // index of the normalisation folded into the weights
    int onto = -1;      // register that the result is added to, in its memory
    int result = 0;     // register
    std::unique_ptr<Convolution> convolution;
    std::shared_ptr<float> weight, bias;  // folded and packed
    std::vector<float> slope;
  };
  void Fuse();
  void Pack(const std::vector<float *> &inputs, Pool *pool);

  Program program_;
  std::vector<Shape> shapes_;
  std::vector<Step> steps_;
  std::vector<int> last_;  // last_[register]: the step after which nobody reads it
  // What the packed weights were made of.
  std::vector<float *> packed_inputs_;
  std::vector<size_t> packed_versions_;
};

}  // namespace unequal
