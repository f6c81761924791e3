#include "openvino/graph/constant_numbers.h"

#include <openvino/op/ops.hpp>

#include "engine/failure.h"

namespace llm {

std::vector<double> constant_numbers(const ov::Output<ov::Node>& value) {
  const auto result =
      std::make_shared<ov::op::v0::Result>(std::make_shared<ov::op::v0::Convert>(value, ov::element::f64)->output(0));
  const ov::Model model(ov::ResultVector{result}, ov::ParameterVector{});
  ov::TensorVector outputs{ov::Tensor(ov::element::f64, ov::Shape{0})};
  if (!model.evaluate(outputs, {})) throw Failure(ERR_UNSUPPORTED_MODEL, "a constant of it cannot be computed");
  const auto* numbers = outputs.front().data<const double>();
  return {numbers, numbers + outputs.front().get_size()};
}

}  // namespace llm
