/* The operator: unequal_network(training, data, weights..., program=...) for MXNet's lib_api.
 *
 * `training` (1,) is what Dropout makes of a 1: lib_api does not tell an operator whether it is to
 * train, but Dropout knows. Output: the program's last register, (N, C, H, W).
 */
#include <mxnet/lib_api.h>

#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "inference.h"
#include "training.h"

namespace unequal {

using mxnet::ext::MXReturnValue;
using mxnet::ext::MXTensor;
using Attributes = std::unordered_map<std::string, std::string>;

// Inputs before the weights; a program counts all inputs.
constexpr size_t kFlag = 0, kData = 1;

Shape ShapeOf(const std::vector<int64_t> &dims) {
  if (dims.size() != 4) throw std::invalid_argument("the data is not (N, C, H, W)");
  return Shape{dims[0], dims[1], dims[2], dims[3]};
}

// oneDNN and the loops use every core by themselves: networks run one after the other.
std::mutex &Running() {
  static std::mutex mutex;
  return mutex;
}

// Memory for maps, shared by all networks of the process.
Pool *SharedPool() {
  static Pool pool;
  return &pool;
}

std::string Attribute(const Attributes &attributes, const char *name) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) throw std::invalid_argument(std::string("no attribute ") + name);
  return found->second;
}

bool IsTraining(const float *dropped) { return dropped[0] != 1.f; }

template <typename Work>
MXReturnValue Told(const Work &work) {
  try {
    work();
    return mxnet::ext::MX_SUCCESS;
  } catch (const std::exception &error) {
    MX_ERROR_MSG << "unequal_network: " << error.what();
    return mxnet::ext::MX_FAIL;
  }
}

class Network : public mxnet::ext::CustomStatefulOp {
 public:
  explicit Network(const Program &program) : program_(program) {}

  MXReturnValue Forward(std::vector<MXTensor> *inputs, std::vector<MXTensor> *outputs,
                        const mxnet::ext::OpResource &) override {
    return Told([&] {
      std::lock_guard<std::mutex> lock(Running());
      std::vector<float *> addresses;
      std::vector<size_t> versions;
      for (size_t i = 0; i < inputs->size(); ++i) {
        addresses.push_back((*inputs)[i].data<float>());
        versions.push_back((*inputs)[i].verID);
      }
      const float *data = addresses[kData];
      const bool training = IsTraining(addresses[kFlag]);
      // The data is another every time; the weights are what was packed.
      addresses[kFlag] = addresses[kData] = nullptr;
      versions[kFlag] = versions[kData] = 0;
      float *result = (*outputs)[0].data<float>();
      const std::vector<int64_t> &dims = (*inputs)[kData].shape;
      if (training) {
        Planned(dims, &training_)
            ->Forward(addresses, data, Training::kOfBatch, result, SharedPool());
      } else {
        Planned(dims, &inference_)->Forward(addresses, versions, data, result, SharedPool());
      }
    });
  }

  // inputs: the output's gradient, the inputs, the output; outputs: the inputs' gradients.
  MXReturnValue Backward(std::vector<MXTensor> *inputs, std::vector<MXTensor> *outputs,
                         const mxnet::ext::OpResource &) override {
    return Told([&] {
      std::lock_guard<std::mutex> lock(Running());
      std::vector<float *> addresses, gradients;
      for (size_t i = 0; i < outputs->size(); ++i) {
        addresses.push_back((*inputs)[i + 1].data<float>());
        gradients.push_back((*outputs)[i].data<float>());
      }
      const MXTensor &data = (*inputs)[kData + 1];
      Training *plan = Planned(data.shape, &training_);
      if (!IsTraining(addresses[kFlag])) {
        // inference keeps nothing to derive, so it is done again
        std::vector<float> result((*inputs)[0].size());
        plan->Forward(addresses, addresses[kData], Training::kMoving, result.data(), SharedPool());
      }
      if (gradients[kFlag] != nullptr) gradients[kFlag][0] = 0.f;
      plan->Backward(addresses, addresses[kData], (*inputs)[0].data<float>(), gradients[kData],
                     gradients, SharedPool());
    });
  }

 private:
  // A batch of another shape has another plan; plans but for two are forgotten, the weights that
  // they packed with them.
  template <typename Plan>
  Plan *Planned(const std::vector<int64_t> &dims,
                std::map<std::vector<int64_t>, std::unique_ptr<Plan>> *plans) {
    auto found = plans->find(dims);
    if (found == plans->end()) {
      if (plans->size() >= 2) plans->erase(plans->begin());
      found = plans->emplace(dims, std::make_unique<Plan>(program_, ShapeOf(dims))).first;
    }
    return found->second.get();
  }

  Program program_;
  std::map<std::vector<int64_t>, std::unique_ptr<Training>> training_;
  std::map<std::vector<int64_t>, std::unique_ptr<Inference>> inference_;
};

MXReturnValue ParseAttributes(const Attributes &attributes, int *inputs, int *outputs) {
  return Told([&] {
    *inputs = std::stoi(Attribute(attributes, "inputs"));
    *outputs = 1;
  });
}

MXReturnValue InferType(const Attributes &, std::vector<int> *inputs, std::vector<int> *outputs) {
  for (std::vector<int> *types : {inputs, outputs})
    for (int &type : *types) type = mxnet::ext::kFloat32;
  return mxnet::ext::MX_SUCCESS;
}

// MXNet then refuses weights of other shapes, which would be read beyond their end.
void TellWeightShapes(const Program &program, const std::vector<Shape> &shapes,
                      std::vector<std::vector<unsigned int>> *inputs) {
  const auto tell = [&](int input, std::initializer_list<int64_t> dims) {
    inputs->at(input).assign(dims.begin(), dims.end());
  };
  tell(kFlag, {1});
  for (const Instruction &i : program.instructions) {
    const int64_t channels = shapes[i.source].channels;
    if (i.kind == Instruction::kConvolution) {
      tell(i.weight, {i.filters, channels / i.groups, i.kernel, i.kernel});
    } else if (i.kind == Instruction::kNorm) {
      for (int input : {i.gamma, i.beta, i.mean, i.variance}) tell(input, {channels});
      if (i.slope >= 0) tell(i.slope, {channels});
    }
  }
}

MXReturnValue InferShape(const Attributes &attributes,
                         std::vector<std::vector<unsigned int>> *inputs,
                         std::vector<std::vector<unsigned int>> *outputs) {
  return Told([&] {
    const std::vector<unsigned int> &data = (*inputs)[kData];
    const std::vector<int64_t> dims(data.begin(), data.end());
    const Program program = Parse(Attribute(attributes, "program"));
    const std::vector<Shape> shapes = program.Shapes(ShapeOf(dims));
    TellWeightShapes(program, shapes, inputs);
    const Shape &shape = shapes.back();
    (*outputs)[0] = {static_cast<unsigned>(shape.images), static_cast<unsigned>(shape.channels),
                     static_cast<unsigned>(shape.height), static_cast<unsigned>(shape.width)};
  });
}

MXReturnValue MutateInputs(const Attributes &attributes, std::vector<int> *inputs) {
  return Told([&] { *inputs = Parse(Attribute(attributes, "program")).Mutable(); });
}

MXReturnValue CreateState(const Attributes &attributes, const mxnet::ext::MXContext &,
                          const std::vector<std::vector<unsigned int>> &, const std::vector<int>,
                          mxnet::ext::CustomStatefulOp **state) {
  return Told([&] {
    *state = mxnet::ext::CustomStatefulOp::create<Network>(
        Parse(Attribute(attributes, "program")));
  });
}

REGISTER_OP(unequal_network)
    .setParseAttrs(ParseAttributes)
    .setInferType(InferType)
    .setInferShape(InferShape)
    .setMutateInputs(MutateInputs)
    .setCreateOpState(CreateState, "cpu");

}  // namespace unequal

mxnet::ext::MXReturnValue initialize(int version) {
  if (version >= 10700) return mxnet::ext::MX_SUCCESS;
  MX_ERROR_MSG << "unequal_network needs MXNet 1.7 or newer";
  return mxnet::ext::MX_FAIL;
}
