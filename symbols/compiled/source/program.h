/* The program of a network: what symbols/compiled/program.py writes and the operator carries out. */
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace unequal {

// Instruction i computes register i + 1; register 0 is the operator's data. Weights and the like
// are numbers of the operator's inputs.
struct Instruction {
  enum Kind { kAffine, kConvolution, kNorm, kAdd } kind;
  int source = 0, other = 0;  // registers; `other` is the second of an addition
  // affine: factor x + summand, of the operator's data
  double factor = 1, summand = 0;
  // convolution: square kernels
  int filters = 0, kernel = 0, stride = 1, pad = 0, groups = 1, weight = 0;
  // batch normalisation; after it nothing, ReLU or, where slope >= 0, a PReLU
  static constexpr int kNothing = -1, kReLU = -2;
  int gamma = 0, beta = 0, mean = 0, variance = 0, slope = kNothing;
  double eps = 0, momentum = 0;
  bool fix_gamma = false;
};

struct Shape {
  int64_t images, channels, height, width;
  int64_t Size() const { return images * channels * height * width; }
};

struct Program {
  std::vector<Instruction> instructions;

  int Output() const { return static_cast<int>(instructions.size()); }
  // Inputs that training changes: the moving averages.
  std::vector<int> Mutable() const;
  // The shape of every register, given that of register 0; throws where an image is too small.
  std::vector<Shape> Shapes(const Shape &data) const;
  // How often each register is read.
  std::vector<int> Uses() const;
};

// Throws std::invalid_argument for a text that is no program.
Program Parse(const std::string &text);

}  // namespace unequal
