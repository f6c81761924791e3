// The graph of a tiny model with random weights, to be changed and looked at.
#pragma once
#include <functional>
#include <memory>
#include <openvino/op/ops.hpp>
#include <openvino/openvino.hpp>
#include <openvino/pass/serialize.hpp>
#include <string>
#include <vector>

#include "engine/types.h"
#include "openvino/core.h"
#include "openvino/temporary_folder.h"

constexpr const char* kTinyLlama = "test/fixtures/ir/tiny-llama-fp32/openvino_model.xml";

// From the root of the repository, where the tests run.
inline std::shared_ptr<ov::Model> tiny_llama() { return llm::core().read_model(std::filesystem::path(kTinyLlama)); }

// What makes the logits: the MatMul with the head's weights.
inline std::shared_ptr<ov::Node> head_of(const ov::Model& model) {
  return model.output("logits").get_node()->get_input_node_shared_ptr(0);
}

inline ov::Output<ov::Node> integers(const std::vector<int64_t>& values) {
  return ov::op::v0::Constant::create(ov::element::i64, {values.size()}, values);
}

// A folder with the graph as an IR.
class CraftedModel {
 public:
  explicit CraftedModel(const std::function<void(ov::Model&)>& change) : folder_("openvino-llm-crafted") {
    const auto model = tiny_llama();
    change(*model);
    model->validate_nodes_and_infer_types();
    ov::pass::Serialize(xml(), (folder_ / "openvino_model.bin").string()).run_on_model(model);
  }
  std::string xml() const { return (folder_ / "openvino_model.xml").string(); }

 private:
  TemporaryFolder folder_;
};

// The CPU as lib/devices/table.ts describes it.
inline llm::DeviceFeatures cpu_device() {
  llm::DeviceFeatures device;
  device.name = "CPU";
  device.must_be_present = true;
  device.property_sources = {"CPU"};
  device.kv_memory = "host";
  device.kv_block_tokens = 32;
  return device;
}

// The logits of a first step, [rows, vocabulary] one after the other. `rows` is empty for a graph without that input.
inline std::vector<float> logits_of(const std::shared_ptr<ov::Model>& model, size_t tokens,
                                    const std::vector<int64_t>& rows) {
  auto request =
      llm::core().compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32)).create_infer_request();
  ov::Tensor ids(ov::element::i64, {1, tokens}), mask(ov::element::i64, {1, tokens}),
      positions(ov::element::i64, {1, tokens}), beam(ov::element::i32, {1}), wanted(ov::element::i64, {rows.size()});
  for (size_t i = 0; i < tokens; ++i) {
    ids.data<int64_t>()[i] = static_cast<int64_t>(7 * i + 3);
    mask.data<int64_t>()[i] = 1;
    positions.data<int64_t>()[i] = static_cast<int64_t>(i);
  }
  beam.data<int32_t>()[0] = 0;
  std::copy(rows.begin(), rows.end(), wanted.data<int64_t>());
  request.set_tensor("input_ids", ids);
  request.set_tensor("attention_mask", mask);
  request.set_tensor("position_ids", positions);
  request.set_tensor("beam_idx", beam);
  if (!rows.empty()) request.set_tensor("sampled_tokens_indices", wanted);
  request.infer();
  const auto logits = request.get_tensor("logits");
  return {logits.data<float>(), logits.data<float>() + logits.get_size()};
}
