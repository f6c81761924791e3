#include "openvino/runners/state_rows.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "openvino/core.h"

namespace llm {
namespace {

using States = std::map<std::string, ov::VariableState>;

States states_of(ov::InferRequest& request) {
  States states;
  for (auto& state : request.query_state()) states.emplace(state.get_name(), state);
  return states;
}

size_t product(const ov::Shape& shape, size_t begin, size_t end) {
  const auto first = shape.begin();
  return std::accumulate(first + static_cast<std::ptrdiff_t>(begin), first + static_cast<std::ptrdiff_t>(end),
                         size_t{1}, std::multiplies<>());
}

// A state as [rows, outer, tokens, inner] in bytes.
struct View {
  View(const ov::Tensor& tensor, size_t token_axis) {
    const auto& shape = tensor.get_shape();
    const size_t axis = token_axis == 0 ? shape.size() : token_axis;
    rows = shape[0];
    outer = product(shape, 1, axis);
    tokens = token_axis == 0 ? 1 : shape[axis];
    inner = tensor.get_element_type().size() * product(shape, std::min(axis + 1, shape.size()), shape.size());
    data = static_cast<std::byte*>(const_cast<ov::Tensor&>(tensor).data());
  }
  std::byte* at(size_t row, size_t part, size_t token) const {
    return data + ((row * outer + part) * tokens + token) * inner;
  }
  size_t rows, outer, tokens, inner;
  std::byte* data;
};

void require(bool right, const std::string& name, const ov::Shape& shape) {
  if (right) return;
  throw Failure(ERR_ENGINE, "the state " + name + " has the unexpected shape " + shape.to_string());
}

}  // namespace

void move_rows(const StateAxes& axes, std::span<const StateRow> rows, ov::InferRequest& target) {
  std::map<ov::InferRequest*, States> sources;
  size_t longest = 0;
  for (const auto& row : rows) {
    if (!sources.contains(row.request)) sources.emplace(row.request, states_of(*row.request));
    longest = std::max(longest, row.tokens);
  }
  auto targets = states_of(target);
  // State after state: the copies of one exist beside the requests at a time.
  for (const auto& axis : axes.states) {
    std::map<ov::InferRequest*, ov::Tensor> tensors;
    for (auto& [request, states] : sources) tensors.emplace(request, states.at(axis.name).get_state());
    const ov::Tensor& any = tensors.begin()->second;
    ov::Shape shape = any.get_shape();
    require(axis.tokens < shape.size(), axis.name, shape);
    shape[0] = rows.size();
    if (axis.tokens > 0) shape[axis.tokens] = longest;
    ov::Tensor moved(any.get_element_type(), shape);
    std::memset(moved.data(), 0, moved.get_byte_size());
    const View to(moved, axis.tokens);
    for (size_t i = 0; i < rows.size(); ++i) {
      const ov::Tensor& tensor = tensors.at(rows[i].request);
      require(axis.tokens < tensor.get_shape().size(), axis.name, tensor.get_shape());
      const View from(tensor, axis.tokens);
      const size_t tokens = axis.tokens == 0 ? 1 : rows[i].tokens;
      require(rows[i].row < from.rows && from.outer == to.outer && from.inner == to.inner && tokens <= from.tokens,
              axis.name, tensor.get_shape());
      for (size_t part = 0; part < to.outer; ++part) {
        std::memcpy(to.at(i, part, to.tokens - tokens), from.at(rows[i].row, part, from.tokens - tokens),
                    tokens * to.inner);
      }
    }
    targets.at(axis.name).set_state(moved);
  }
}

}  // namespace llm
