#include "training.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace unequal {

Training::Training(const Program &program, const Shape &data)
    : program_(program), shapes_(program.Shapes(data)),
      convolutions_(program.instructions.size()), applied_(program.instructions.size()),
      registers_(shapes_.size()), gradients_(shapes_.size()) {
  for (size_t i = 0; i < program_.instructions.size(); ++i) {
    const Instruction &step = program_.instructions[i];
    if (step.kind == Instruction::kConvolution)
      convolutions_[i] = std::make_unique<Convolution>(step, shapes_[step.source], shapes_[i + 1],
                                                       step.source == 0, true);
  }
}

std::shared_ptr<float> Training::TakeMap(int reg, Pool *pool) const {
  return pool->Take(shapes_[reg].Size());
}

void Training::Normalise(size_t index, const std::vector<float *> &inputs, Statistics statistics,
                         Pool *pool) {
  const Instruction &step = program_.instructions[index];
  const Extent extent = MapExtent(shapes_[step.source]);
  const float *x = registers_[step.source].get();
  std::vector<double> mean(extent.channels), variance(extent.channels);
  if (statistics == kOfBatch) {
    Moments(extent, x, mean.data(), variance.data());
  } else {
    std::copy_n(inputs[step.mean], extent.channels, mean.begin());
    std::copy_n(inputs[step.variance], extent.channels, variance.begin());
  }
  Applied &applied = applied_[index];
  applied.statistics = statistics;
  applied.scale.resize(extent.channels);
  applied.shift.resize(extent.channels);
  applied.mean.resize(extent.channels);
  applied.inverse.resize(extent.channels);
  for (int64_t c = 0; c < extent.channels; ++c) {
    const double inverse = 1.0 / std::sqrt(variance[c] + step.eps);
    const double scale = (step.fix_gamma ? 1.0 : inputs[step.gamma][c]) * inverse;
    applied.inverse[c] = inverse;
    applied.scale[c] = static_cast<float>(scale);
    applied.shift[c] = static_cast<float>(inputs[step.beta][c] - mean[c] * scale);
    applied.mean[c] = static_cast<float>(mean[c]);
    if (statistics == kMoving) continue;
    float &moving_mean = inputs[step.mean][c], &moving_variance = inputs[step.variance][c];
    const double momentum = step.momentum;
    moving_mean = static_cast<float>(moving_mean * momentum + mean[c] * (1 - momentum));
    moving_variance =
        static_cast<float>(moving_variance * momentum + variance[c] * (1 - momentum));
  }
  const float *slope = Slope(step, inputs, extent.channels);
  registers_[index + 1] = TakeMap(index + 1, pool);
  Apply(extent, x, applied.scale.data(), applied.shift.data(), slope, registers_[index + 1].get());
}

void Training::Forward(const std::vector<float *> &inputs, const float *data,
                       Statistics statistics, float *result, Pool *pool) {
  for (size_t i = 0; i < program_.instructions.size(); ++i) {
    const Instruction &step = program_.instructions[i];
    if (step.kind == Instruction::kNorm) {
      Normalise(i, inputs, statistics, pool);
      continue;
    }
    registers_[i + 1] = TakeMap(i + 1, pool);
    float *target = registers_[i + 1].get();
    const float *source = step.source == 0 ? data : registers_[step.source].get();
    if (step.kind == Instruction::kConvolution)
      convolutions_[i]->Forward(source, inputs[step.weight], target, pool);
    else if (step.kind == Instruction::kAffine)
      AffineOfData(step, shapes_[0], data, target);
    else
      Add(shapes_[i + 1].Size(), source, registers_[step.other].get(), target);
  }
  const Shape &shape = shapes_.back();
  Reorder(MapDesc(shape), registers_.back().get(), PlainDesc(shape), result);
}

void Training::Accumulate(int reg, std::shared_ptr<float> gradient, Pool *pool) {
  std::shared_ptr<float> &sum = gradients_[reg];
  if (!sum) {
    sum = std::move(gradient);
    return;
  }
  // Memory that another register's gradient shares must not change.
  std::shared_ptr<float> target = sum.use_count() == 1 ? sum
      : gradient.use_count() == 1                      ? gradient
                                                       : TakeMap(reg, pool);
  Add(shapes_[reg].Size(), sum.get(), gradient.get(), target.get());
  sum = std::move(target);
}

std::shared_ptr<float> Training::NormGradient(size_t index, const std::vector<float *> &inputs,
                                              std::shared_ptr<float> dy,
                                              const std::vector<float *> &gradients,
                                              Pool *pool) const {
  const Instruction &step = program_.instructions[index];
  const Extent extent = MapExtent(shapes_[step.source]);
  const float *x = registers_[step.source].get();
  const float *slope = Slope(step, inputs, extent.channels);
  const Applied &applied = applied_[index];
  const int64_t channels = extent.channels;
  std::vector<double> dgamma(channels), dbeta(channels), dslope(channels);
  Sums(extent, x, dy.get(), applied.mean.data(), applied.scale.data(), applied.shift.data(), slope,
       dgamma.data(), dbeta.data(), dslope.data());
  // dx = scale (dz - mean(dz) - xhat mean(dz xhat)) = scale dz + slant x + offset
  std::vector<float> slant(channels, 0.f), offset(channels, 0.f);
  const double count = static_cast<double>(extent.images) * extent.pixels;
  for (int64_t c = 0; c < channels; ++c) {
    dgamma[c] *= applied.inverse[c];
    if (applied.statistics == kMoving) continue;
    const double tilt = applied.scale[c] * dgamma[c] * applied.inverse[c] / count;
    slant[c] = static_cast<float>(-tilt);
    offset[c] = static_cast<float>(tilt * applied.mean[c] - applied.scale[c] * dbeta[c] / count);
  }
  std::shared_ptr<float> dx = dy.use_count() == 1 ? dy : TakeMap(step.source, pool);
  Gradient(extent, x, dy.get(), applied.scale.data(), applied.shift.data(), slope, slant.data(),
           offset.data(), dx.get());
  const auto give = [&](int input, const std::vector<double> &values, bool zero) {
    if (input < 0 || gradients[input] == nullptr) return;
    for (int64_t c = 0; c < channels; ++c)
      gradients[input][c] = zero ? 0.f : static_cast<float>(values[c]);
  };
  give(step.gamma, dgamma, step.fix_gamma);
  give(step.beta, dbeta, false);
  give(step.slope, dslope, false);
  return dx;
}

void Training::Backward(const std::vector<float *> &inputs, const float *data,
                        const float *dresult, float *ddata, const std::vector<float *> &gradients,
                        Pool *pool) {
  const int output = program_.Output();
  if (!registers_[output]) throw std::logic_error("gradients can be taken once for each output");
  std::fill(gradients_.begin(), gradients_.end(), nullptr);
  gradients_[output] = TakeMap(output, pool);
  Reorder(PlainDesc(shapes_[output]), dresult, MapDesc(shapes_[output]), gradients_[output].get());
  for (int i = output - 1; i >= 0; --i) {
    const Instruction &step = program_.instructions[i];
    std::shared_ptr<float> dy = std::move(gradients_[i + 1]);
    gradients_[i + 1].reset();
    registers_[i + 1].reset();
    if (!dy) continue;
    if (step.kind == Instruction::kAdd) {
      Accumulate(step.source, dy, pool);
      Accumulate(step.other, std::move(dy), pool);
    } else if (step.kind == Instruction::kNorm) {
      Accumulate(step.source, NormGradient(i, inputs, std::move(dy), gradients, pool), pool);
    } else if (step.kind == Instruction::kAffine) {
      std::shared_ptr<float> dx = TakeMap(0, pool);
      if (MapExtent(shapes_[0]).block != 1)
        Reorder(MapDesc(shapes_[0]), dy.get(), PlainDesc(shapes_[0]), dx.get());
      Scale(shapes_[0].Size(), MapExtent(shapes_[0]).block != 1 ? dx.get() : dy.get(), step.factor,
            0, dx.get());
      Accumulate(0, std::move(dx), pool);
    } else {
      const float *source = step.source == 0 ? data : registers_[step.source].get();
      if (gradients[step.weight] != nullptr)
        convolutions_[i]->GradientOfWeight(source, dy.get(), gradients[step.weight], pool);
      if (step.source == 0 && ddata == nullptr) continue;
      std::shared_ptr<float> dsource = TakeMap(step.source, pool);
      convolutions_[i]->GradientOfSource(inputs[step.weight], dy.get(), dsource.get(), pool);
      Accumulate(step.source, std::move(dsource), pool);
    }
  }
  if (ddata != nullptr) {
    const size_t bytes = shapes_[0].Size() * sizeof(float);
    std::memcpy(ddata, gradients_[0].get(), bytes);
  }
  gradients_[0].reset();
}

}  // namespace unequal
