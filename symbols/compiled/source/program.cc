#include "program.h"

#include <sstream>
#include <stdexcept>

namespace unequal {

Program Parse(const std::string &text) {
  Program program;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line, ';')) {
    std::istringstream words(line);
    std::string kind;
    Instruction i;
    words >> kind;
    if (kind == "affine") {
      i.kind = Instruction::kAffine;
      words >> i.source >> i.factor >> i.summand;
    } else if (kind == "convolution") {
      i.kind = Instruction::kConvolution;
      words >> i.source >> i.weight >> i.filters >> i.kernel >> i.stride >> i.pad >> i.groups;
    } else if (kind == "norm") {
      i.kind = Instruction::kNorm;
      words >> i.source >> i.gamma >> i.beta >> i.mean >> i.variance >> i.slope >> i.eps
          >> i.momentum >> i.fix_gamma;
    } else if (kind == "add") {
      i.kind = Instruction::kAdd;
      words >> i.source >> i.other;
    } else {
      throw std::invalid_argument("no instruction: " + line);
    }
    const int next = static_cast<int>(program.instructions.size()) + 1;
    // The data is plain: only convolutions and affine functions read it as it is.
    const bool reads_data = i.source == 0 || (i.kind == Instruction::kAdd && i.other == 0);
    const bool may = i.kind == Instruction::kAffine || i.kind == Instruction::kConvolution;
    const bool sizes = i.kind != Instruction::kConvolution
        || (i.filters > 0 && i.kernel > 0 && i.stride > 0 && i.pad >= 0 && i.groups > 0);
    if (words.fail() || i.source < 0 || i.other < 0 || i.source >= next || i.other >= next
        || (i.kind == Instruction::kAffine && i.source != 0) || (reads_data && !may) || !sizes)
      throw std::invalid_argument("no instruction: " + line);
    program.instructions.push_back(i);
  }
  if (program.instructions.empty()) throw std::invalid_argument("an empty program");
  return program;
}

std::vector<int> Program::Mutable() const {
  std::vector<int> found;
  for (const Instruction &i : instructions)
    if (i.kind == Instruction::kNorm) found.insert(found.end(), {i.mean, i.variance});
  return found;
}

std::vector<Shape> Program::Shapes(const Shape &data) const {
  std::vector<Shape> shapes = {data};
  for (const Instruction &i : instructions) {
    Shape shape = shapes[i.source];
    if (i.kind == Instruction::kConvolution) {
      shape.channels = i.filters;
      shape.height = (shape.height + 2 * i.pad - i.kernel) / i.stride + 1;
      shape.width = (shape.width + 2 * i.pad - i.kernel) / i.stride + 1;
      const Shape &from = shapes[i.source];
      if (from.channels % i.groups != 0 || i.filters % i.groups != 0)
        throw std::invalid_argument("channels that the groups of a convolution do not divide");
      if (from.height + 2 * i.pad < i.kernel || from.width + 2 * i.pad < i.kernel)
        throw std::invalid_argument("the image is too small for the network");
    } else if (i.kind == Instruction::kAdd) {
      const Shape &other = shapes[i.other];
      if (other.channels != shape.channels || other.height != shape.height
          || other.width != shape.width)
        throw std::invalid_argument("an addition of maps of two sizes");
    }
    shapes.push_back(shape);
  }
  return shapes;
}

std::vector<int> Program::Uses() const {
  std::vector<int> uses(instructions.size() + 1, 0);
  for (const Instruction &i : instructions) {
    ++uses[i.source];
    if (i.kind == Instruction::kAdd) ++uses[i.other];
  }
  ++uses[Output()];
  return uses;
}

}  // namespace unequal
