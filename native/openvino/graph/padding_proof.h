// Whether a shorter sequence may be padded on the left beside a longer one, for all lengths.
#pragma once
#include <cstdint>
#include <openvino/openvino.hpp>
#include <string>

namespace llm {

// Why it may not, in words; "" when every attention of the graph sees of a padded sequence what it sees of the sequence
// alone, in short ones, at the end of the `context` and beyond the window that shows there, and when nothing else hangs
// on where in the step a token is. Computes masks only: no weights are read. Says nothing of states that are no keys
// and values.
std::string padding_obstacle(const ov::Model& model, int64_t context);

}  // namespace llm
