#include "openvino/graph/state_axes.h"

#include <openvino/op/util/variable.hpp>

namespace llm {

StateAxes state_axes(const ov::Model& model) {
  StateAxes axes;
  axes.batches = true;
  for (const auto& variable : model.get_variables()) {
    const auto& info = variable->get_info();
    const auto& shape = info.data_shape;
    StateAxis axis{info.variable_id, 0};
    size_t values = 1;
    bool told = shape.rank().is_static() && shape.size() > 0 && (shape[0].is_dynamic() || shape[0].get_length() == 1);
    for (size_t i = 1; told && i < shape.size(); ++i) {
      if (shape[i].is_static()) {
        values *= static_cast<size_t>(shape[i].get_length());
        continue;
      }
      told = axis.tokens == 0;
      axis.tokens = i;
    }
    if (!told || info.data_type.is_dynamic() || info.data_type.bitwidth() % 8 != 0) return {};
    axes.batches = axes.batches && shape[0].is_dynamic();
    if (axis.tokens > 0) axes.values_per_token += values;
    axes.states.push_back(axis);
  }
  return axes;
}

}  // namespace llm
