// The numbers of a value that hangs on constants alone.
#pragma once
#include <openvino/openvino.hpp>
#include <vector>

namespace llm {

// Throws Failure ERR_UNSUPPORTED_MODEL when it cannot be computed.
std::vector<double> constant_numbers(const ov::Output<ov::Node>& value);

}  // namespace llm
