#include "convolution.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>

namespace unequal {

using dnnl::memory;
using Arguments = std::unordered_map<int, memory>;

const dnnl::engine &Engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream &Stream() {
  static dnnl::stream stream(Engine());
  return stream;
}

namespace {

int Block(int64_t channels) {
  static const int isa = static_cast<int>(dnnl::get_effective_cpu_isa());
  const auto has = [](dnnl::cpu_isa wanted) {
    return (isa & static_cast<int>(wanted)) == static_cast<int>(wanted);
  };
  const int block = has(dnnl::cpu_isa::avx512_core) ? 16 : has(dnnl::cpu_isa::avx2) ? 8 : 1;
  return channels % block == 0 ? block : 1;
}

memory::dims Dims(const Shape &s) { return {s.images, s.channels, s.height, s.width}; }

memory At(const memory::desc &desc, const float *data) {
  return memory(desc, Engine(), const_cast<float *>(data));
}

int64_t Floats(const memory::desc &desc) { return (desc.get_size() + 3) / 4; }

bool IsReference(const char *implementation) { return std::strncmp(implementation, "ref", 3) == 0; }

// `data` where it lies if it is laid out as wanted, else a copy from the pool, kept in `copy`.
const float *Laid(const memory::desc &wanted, const memory::desc &given, const float *data,
                  Pool *pool, std::shared_ptr<float> *copy) {
  if (wanted == given) return data;
  *copy = pool->Take(Floats(wanted));
  Reorder(given, data, wanted, copy->get());
  return copy->get();
}

}  // namespace

memory::desc MapDesc(const Shape &shape) {
  using tag = memory::format_tag;
  const int block = Block(shape.channels);
  return memory::desc(Dims(shape), memory::data_type::f32,
                      block == 16 ? tag::nChw16c : block == 8 ? tag::nChw8c : tag::nchw);
}

memory::desc PlainDesc(const Shape &shape) {
  return memory::desc(Dims(shape), memory::data_type::f32, memory::format_tag::nchw);
}

Extent MapExtent(const Shape &shape) {
  return Extent{shape.images, shape.channels, shape.height * shape.width, Block(shape.channels)};
}

const float *Slope(const Instruction &norm, const std::vector<float *> &inputs, int64_t channels) {
  static std::vector<float> zeros;
  if (norm.slope == Instruction::kNothing) return nullptr;
  if (norm.slope != Instruction::kReLU) return inputs[norm.slope];
  if (static_cast<int64_t>(zeros.size()) < channels) zeros.resize(channels, 0.f);
  return zeros.data();
}

// Memory of up to so many times the wanted size will do.
constexpr int64_t kLoosest = 2;

struct Pool::Kept {
  std::mutex mutex;
  std::multimap<int64_t, float *> free;
  ~Kept() {
    for (const auto &entry : free) std::free(entry.second);
  }
};

std::shared_ptr<float> Pool::Take(int64_t floats) {
  if (!kept_) kept_ = std::make_shared<Kept>();
  float *data = nullptr;
  {
    std::lock_guard<std::mutex> lock(kept_->mutex);
    const auto found = kept_->free.lower_bound(floats);
    if (found != kept_->free.end() && found->first <= kLoosest * floats) {
      floats = found->first;
      data = found->second;
      kept_->free.erase(found);
    }
  }
  if (data == nullptr) {
    void *memory = nullptr;
    if (posix_memalign(&memory, 64, std::max<int64_t>(floats, 1) * sizeof(float)) != 0)
      throw std::bad_alloc();
    data = static_cast<float *>(memory);
  }
  const std::shared_ptr<Kept> kept = kept_;
  return std::shared_ptr<float>(data, [kept, floats](float *returned) {
    std::lock_guard<std::mutex> lock(kept->mutex);
    kept->free.emplace(floats, returned);
  });
}

void Reorder(const memory::desc &from, const float *source, const memory::desc &to,
             float *target) {
  memory a = At(from, source), b = At(to, target);
  dnnl::reorder(a, b).execute(Stream(), a, b);
}

void AffineOfData(const Instruction &affine, const Shape &shape, const float *data, float *map) {
  const bool plain = MapExtent(shape).block == 1;
  if (!plain) Reorder(PlainDesc(shape), data, MapDesc(shape), map);
  Scale(shape.Size(), plain ? data : map, affine.factor, affine.summand, map);
}

Convolution::Convolution(const Instruction &i, const Shape &source, const Shape &result,
                         bool plain_source, bool gradients, Finish finish)
    : source_(plain_source ? PlainDesc(source) : MapDesc(source)), result_(MapDesc(result)),
      finish_(finish) {
  using dnnl::algorithm;
  const auto f32 = memory::data_type::f32;
  const auto any = memory::format_tag::any;
  const int64_t in = source.channels / i.groups, out = i.filters / i.groups;
  const memory::dims weight = i.groups > 1
      ? memory::dims{i.groups, out, in, i.kernel, i.kernel}
      : memory::dims{out, in, i.kernel, i.kernel};
  weight_ = memory::desc(
      weight, f32, i.groups > 1 ? memory::format_tag::goihw : memory::format_tag::oihw);
  bias_ = memory::desc({result.channels}, f32, memory::format_tag::x);
  slope_ = memory::desc({1, result.channels, 1, 1}, f32, memory::format_tag::nchw);
  const memory::dims strides = {i.stride, i.stride}, pad = {i.pad, i.pad};
  const memory::desc weight_any(weight, f32, any), source_any(source_.get_dims(), f32, any),
      result_any(result_.get_dims(), f32, any);
  dnnl::primitive_attr attr;
  dnnl::post_ops after;
  if (finish.sum) after.append_sum();
  if (finish.prelu) after.append_prelu(1 << 1);
  attr.set_post_ops(after);
  const auto kind =
      gradients ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  const auto forward = [&](const memory::desc &from, const memory::desc &to) {
    return finish.bias
        ? dnnl::convolution_forward::primitive_desc(Engine(), kind, algorithm::convolution_direct,
                                                    from, weight_any, bias_, to, strides, pad, pad,
                                                    attr)
        : dnnl::convolution_forward::primitive_desc(Engine(), kind, algorithm::convolution_direct,
                                                    from, weight_any, to, strides, pad, pad, attr);
  };
  // Where oneDNN has nothing fast for our layouts, it chooses its own and data is copied.
  forward_ = forward(source_, result_);
  if (IsReference(forward_.impl_info_str())) forward_ = forward(source_any, result_any);
  run_forward_ = dnnl::convolution_forward(forward_);
  if (!gradients) return;
  const auto by_source = [&](const memory::desc &from, const memory::desc &to) {
    return dnnl::convolution_backward_data::primitive_desc(
        Engine(), algorithm::convolution_direct, from, weight_any, to, strides, pad, pad, forward_);
  };
  by_source_ = by_source(source_, result_);
  if (IsReference(by_source_.impl_info_str())) by_source_ = by_source(source_any, result_any);
  run_by_source_ = dnnl::convolution_backward_data(by_source_);
  const auto by_weight = [&](const memory::desc &from, const memory::desc &to) {
    return dnnl::convolution_backward_weights::primitive_desc(
        Engine(), algorithm::convolution_direct, from, weight_any, to, strides, pad, pad, forward_);
  };
  by_weight_ = by_weight(source_, result_);
  if (IsReference(by_weight_.impl_info_str())) by_weight_ = by_weight(source_any, result_any);
  run_by_weight_ = dnnl::convolution_backward_weights(by_weight_);
}

int64_t Convolution::PackedFloats() const { return Floats(forward_.weights_desc()); }

void Convolution::Pack(const float *weight, float *packed) const {
  Reorder(weight_, weight, forward_.weights_desc(), packed);
}

void Convolution::Forward(const float *source, const float *weight, float *result,
                          Pool *pool) const {
  const std::shared_ptr<float> packed = pool->Take(PackedFloats());
  Pack(weight, packed.get());
  ForwardPacked(source, packed.get(), nullptr, nullptr, result, pool);
}

void Convolution::ForwardPacked(const float *source, const float *packed, const float *bias,
                                const float *slope, float *result, Pool *pool) const {
  std::shared_ptr<float> copy, own;
  source = Laid(forward_.src_desc(), source_, source, pool, &copy);
  float *target = result;
  if (forward_.dst_desc() != result_) {
    own = pool->Take(Floats(forward_.dst_desc()));
    target = own.get();
    if (finish_.sum) Reorder(result_, result, forward_.dst_desc(), target);
  }
  Arguments arguments = {{DNNL_ARG_SRC, At(forward_.src_desc(), source)},
                         {DNNL_ARG_WEIGHTS, At(forward_.weights_desc(), packed)},
                         {DNNL_ARG_DST, At(forward_.dst_desc(), target)}};
  if (finish_.bias) arguments.emplace(DNNL_ARG_BIAS, At(bias_, bias));
  if (finish_.prelu)
    arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_WEIGHTS,
                      At(slope_, slope));
  run_forward_.execute(Stream(), arguments);
  if (own) Reorder(forward_.dst_desc(), target, result_, result);
}

void Convolution::GradientOfSource(const float *weight, const float *dresult, float *dsource,
                                   Pool *pool) const {
  std::shared_ptr<float> packed, copy, own;
  weight = Laid(by_source_.weights_desc(), weight_, weight, pool, &packed);
  dresult = Laid(by_source_.diff_dst_desc(), result_, dresult, pool, &copy);
  float *target = dsource;
  if (by_source_.diff_src_desc() != source_) {
    own = pool->Take(Floats(by_source_.diff_src_desc()));
    target = own.get();
  }
  run_by_source_.execute(Stream(),
                         {{DNNL_ARG_DIFF_SRC, At(by_source_.diff_src_desc(), target)},
                          {DNNL_ARG_WEIGHTS, At(by_source_.weights_desc(), weight)},
                          {DNNL_ARG_DIFF_DST, At(by_source_.diff_dst_desc(), dresult)}});
  if (own) Reorder(by_source_.diff_src_desc(), target, source_, dsource);
}

void Convolution::GradientOfWeight(const float *source, const float *dresult, float *dweight,
                                   Pool *pool) const {
  std::shared_ptr<float> first, second, own;
  source = Laid(by_weight_.src_desc(), source_, source, pool, &first);
  dresult = Laid(by_weight_.diff_dst_desc(), result_, dresult, pool, &second);
  float *target = dweight;
  if (by_weight_.diff_weights_desc() != weight_) {
    own = pool->Take(Floats(by_weight_.diff_weights_desc()));
    target = own.get();
  }
  run_by_weight_.execute(Stream(),
                         {{DNNL_ARG_SRC, At(by_weight_.src_desc(), source)},
                          {DNNL_ARG_DIFF_WEIGHTS, At(by_weight_.diff_weights_desc(), target)},
                          {DNNL_ARG_DIFF_DST, At(by_weight_.diff_dst_desc(), dresult)}});
  if (own) Reorder(by_weight_.diff_weights_desc(), target, weight_, dweight);
}

}  // namespace unequal
