#include "openvino/kernels/kernel_measurement.h"

#include <chrono>
#include <openvino/op/ops.hpp>

#include "kernels/huge_memory.h"
#include "openvino/core.h"

namespace llm {
namespace {

using Clock = std::chrono::steady_clock;

// One layer as a model of its own.
class Side {
 public:
  Side(const ov::Output<ov::Node>& product, const std::shared_ptr<ov::op::v0::Parameter>& input,
       const std::string& device, const ov::AnyMap& properties) {
    const auto model = std::make_shared<ov::Model>(ov::OutputVector{product}, ov::ParameterVector{input});
    request_ = core().compile_model(model, device, properties).create_infer_request();
  }

  void set_rows(size_t rows, size_t columns) {
    ov::Tensor x(ov::element::f32, {rows, columns});
    auto* data = x.data<float>();
    // Neither all alike nor of one size, as activations are.
    for (size_t i = 0; i < x.get_size(); ++i) data[i] = static_cast<float>(static_cast<int>(i * 7919 % 255) - 127) / 64;
    request_.set_input_tensor(x);
  }

  double run() {
    const auto begin = Clock::now();
    request_.infer();
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

 private:
  ov::InferRequest request_;
};

}  // namespace

KernelVerdict measure_kernels(const CompressedWeights& layer, const KernelUse& use, const std::string& device,
                              const ov::AnyMap& properties) {
  const auto columns = static_cast<int64_t>(layer.source.columns);
  const auto parameter = [&] {
    return std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::PartialShape{-1, columns});
  };
  const auto their_input = parameter();
  const auto product = std::make_shared<ov::op::v0::MatMul>(their_input, layer.output, false, true);
  Side openvino(product, their_input, device, properties);

  auto weights = std::make_shared<SharedWeights>();
  weights->use = use;
  weights->id = "measured";
  auto& packed = weights->parts.emplace_back(layer.source);
  const auto memory = std::make_shared<HugeMemory>(packed.bytes());
  packed.pack(layer.source, memory->data(), 0, packed.blocks());
  packed.place(memory->data());
  weights->memory = memory;
  const auto our_input = parameter();
  Side builtin(std::make_shared<CompressedMatMul>(our_input, weights)->output(0), our_input, device, properties);

  std::vector<Turns> turns;
  for (size_t rows : kMeasuredRows) {
    openvino.set_rows(rows, layer.source.columns);
    builtin.set_rows(rows, layer.source.columns);
    turns.push_back(take_turns([&] { return openvino.run(); }, [&] { return builtin.run(); }));
  }
  return judge(turns);
}

}  // namespace llm
