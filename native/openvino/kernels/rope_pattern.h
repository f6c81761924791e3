// Finds rotary positions in a graph, which exporters write as several operations.
#pragma once
#include <openvino/openvino.hpp>
#include <optional>
#include <vector>

namespace llm {

struct FoundRope {
  ov::Output<ov::Node> input;
  ov::Output<ov::Node> cosines;
  ov::Output<ov::Node> sines;
  size_t width = 0;                       // of a head
  size_t heads = 0;                       // in each row
  std::vector<const ov::Node*> interior;  // see FoundNorm
};

// x * cosines + concatenate(-second half of x, first half of x) * sines, where only the first axis of x that is not of
// the size 1 has an unknown size: that of the rows. Cosines and sines are [rows, width], with axes of the size 1.
std::optional<FoundRope> find_rope(const std::shared_ptr<ov::Node>& sum);

}  // namespace llm
