// Gate and up are one operation in every layer of a model.
#include "openvino/kernels/layer_groups.h"

#include <openvino/op/ops.hpp>

#include "openvino/core.h"
#include "openvino/kernels/builtin_kernels.h"
#include "tap.h"

TEST("layer groups: the gate of a layer whose product is asked for its shape, too") {
  // Phi-3's halves: the first layer's product says how large they are.
  const auto model = llm::core().read_model(std::filesystem::path("test/fixtures/ir/tiny-phi3/openvino_model.xml"));
  const auto all = [](const std::string&) { return true; };
  const auto built = llm::use_builtin_kernels(*model, all, {&llm::portable_kernel(), 0}, "", [](const llm::Event&) {});
  size_t gates = 0;
  for (const auto& layer : built.layers) gates += layer->gated ? 1 : 0;
  CHECK_EQUAL(gates, size_t{2});
  for (const auto& node : model->get_ops()) CHECK(!ov::is_type<ov::op::v1::VariadicSplit>(node));
}
