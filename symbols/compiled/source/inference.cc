#include "inference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace unequal {

namespace {

// y = scale x + shift of a normalisation by its moving averages.
void MovingAffine(const Instruction &norm, const std::vector<float *> &inputs, int64_t channels,
                  std::vector<float> *scale, std::vector<float> *shift) {
  scale->resize(channels);
  shift->resize(channels);
  for (int64_t c = 0; c < channels; ++c) {
    const double a = (norm.fix_gamma ? 1.0 : inputs[norm.gamma][c])
        / std::sqrt(static_cast<double>(inputs[norm.variance][c]) + norm.eps);
    (*scale)[c] = static_cast<float>(a);
    (*shift)[c] = static_cast<float>(inputs[norm.beta][c] - inputs[norm.mean][c] * a);
  }
}

}  // namespace

Inference::Inference(const Program &program, const Shape &data)
    : program_(program), shapes_(program.Shapes(data)) {
  Fuse();
}

void Inference::Fuse() {
  const std::vector<Instruction> &all = program_.instructions;
  const std::vector<int> uses = program_.Uses();
  std::vector<int> reader(shapes_.size(), -1);  // of registers that are read once
  for (size_t i = 0; i < all.size(); ++i) {
    reader[all[i].source] = static_cast<int>(i);
    if (all[i].kind == Instruction::kAdd) reader[all[i].other] = static_cast<int>(i);
  }
  std::vector<bool> taken(all.size(), false);
  for (size_t i = 0; i < all.size(); ++i) {
    if (taken[i]) continue;
    Step step;
    step.first = all[i];
    step.result = static_cast<int>(i) + 1;
    if (all[i].kind == Instruction::kConvolution) {
      int next = uses[step.result] == 1 ? reader[step.result] : -1;
      if (next >= 0 && all[next].kind == Instruction::kNorm) {
        step.norm = next;
        step.result = next + 1;
        taken[next] = true;
        next = all[next].slope == Instruction::kNothing && uses[step.result] == 1 ? reader[step.result] : -1;
      }
      if (next >= 0 && all[next].kind == Instruction::kAdd) {
        const int other = all[next].source == step.result ? all[next].other : all[next].source;
        // The sum may take the other's memory if all its readers are through by now.
        bool last = other != step.result && other > 0 && other <= static_cast<int>(i);
        for (size_t j = i; last && j < all.size(); ++j) {
          const bool reads = all[j].source == other
              || (all[j].kind == Instruction::kAdd && all[j].other == other);
          if (reads && static_cast<int>(j) != next) last = false;
        }
        if (last && other != program_.Output()) {
          step.onto = other;
          step.result = next + 1;
          taken[next] = true;
        }
      }
      Finish finish;
      finish.bias = step.norm >= 0;
      finish.sum = step.onto >= 0;
      finish.prelu = step.norm >= 0 && all[step.norm].slope != Instruction::kNothing;
      step.convolution = std::make_unique<Convolution>(
          step.first, shapes_[step.first.source], shapes_[step.result], step.first.source == 0,
          false, finish);
    }
    steps_.push_back(std::move(step));
  }
  // A folded instruction is carried out early: where its convolution stands.
  last_.assign(shapes_.size(), -1);
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Step &step = steps_[s];
    last_[step.first.source] = static_cast<int>(s);
    if (step.first.kind == Instruction::kAdd) last_[step.first.other] = static_cast<int>(s);
    if (step.onto >= 0) last_[step.onto] = static_cast<int>(s);
  }
}

void Inference::Pack(const std::vector<float *> &inputs, Pool *pool) {
  for (Step &step : steps_) {
    if (!step.convolution) continue;
    const int64_t filters = step.first.filters;
    const int64_t each = shapes_[step.first.source].channels / step.first.groups
        * step.first.kernel * step.first.kernel;
    if (!step.weight) step.weight = pool->Take(step.convolution->PackedFloats());
    if (step.norm < 0) {
      step.convolution->Pack(inputs[step.first.weight], step.weight.get());
      continue;
    }
    const Instruction &norm = program_.instructions[step.norm];
    std::vector<float> scale, shift;
    MovingAffine(norm, inputs, filters, &scale, &shift);
    const std::shared_ptr<float> folded = pool->Take(filters * each);
    const float *weight = inputs[step.first.weight];
#pragma omp parallel for schedule(static)
    for (int64_t f = 0; f < filters; ++f)
      for (int64_t k = 0; k < each; ++k)
        folded.get()[f * each + k] = weight[f * each + k] * scale[f];
    step.convolution->Pack(folded.get(), step.weight.get());
    if (!step.bias) step.bias = pool->Take(filters);
    std::copy(shift.begin(), shift.end(), step.bias.get());
    const float *slope = Slope(norm, inputs, filters);
    if (slope != nullptr) step.slope.assign(slope, slope + filters);
  }
}

void Inference::Forward(const std::vector<float *> &inputs, const std::vector<size_t> &versions,
                        const float *data, float *result, Pool *pool) {
  if (inputs != packed_inputs_ || versions != packed_versions_) {
    Pack(inputs, pool);
    packed_inputs_ = inputs;
    packed_versions_ = versions;
  }
  std::vector<std::shared_ptr<float>> registers(shapes_.size());
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Step &step = steps_[s];
    const Shape &shape = shapes_[step.result];
    const float *source = step.first.source == 0 ? data : registers[step.first.source].get();
    std::shared_ptr<float> target;
    if (step.onto >= 0) target = std::move(registers[step.onto]);
    // Loops over memory write where they read, if nobody reads it afterwards.
    const bool in_place = !step.convolution && step.first.source > 0
        && last_[step.first.source] == static_cast<int>(s);
    if (!target) target = in_place ? registers[step.first.source] : pool->Take(shape.Size());
    if (step.convolution) {
      step.convolution->ForwardPacked(source, step.weight.get(), step.bias.get(),
                                      step.slope.data(), target.get(), pool);
    } else if (step.first.kind == Instruction::kNorm) {
      std::vector<float> scale, shift;
      MovingAffine(step.first, inputs, shape.channels, &scale, &shift);
      Apply(MapExtent(shape), source, scale.data(), shift.data(),
            Slope(step.first, inputs, shape.channels), target.get());
    } else if (step.first.kind == Instruction::kAffine) {
      AffineOfData(step.first, shape, data, target.get());
    } else {
      Add(shape.Size(), source, registers[step.first.other].get(), target.get());
    }
    for (int reg : {step.first.source, step.first.other})
      if (reg > 0 && last_[reg] == static_cast<int>(s)) registers[reg].reset();
    registers[step.result] = std::move(target);
  }
  const Shape &shape = shapes_.back();
  Reorder(MapDesc(shape), registers.back().get(), PlainDesc(shape), result);
}

}  // namespace unequal
