// Values that are other values with the same numbers in the same order: reshaped, or transposed without moving any.
#pragma once
#include <map>
#include <openvino/openvino.hpp>

namespace llm {

class Views {
 public:
  // In topological order.
  void see(const ov::Node& node);

  // What a value shows: itself, or the first value of its chain of views.
  ov::Output<ov::Node> base(const ov::Output<ov::Node>& value) const;
  bool is_view(const ov::Node* node) const;

 private:
  std::map<const ov::Node*, ov::Output<ov::Node>> bases_;
};

// At most one size is not known: where two such values have as many numbers, they have the same sizes.
bool has_one_unknown_size(const ov::PartialShape& shape);

// The size of the last axis, 0 where it is not known.
size_t last_size(const ov::Output<ov::Node>& value);

// The numbers of a constant of integers; empty for what is no constant.
std::vector<int64_t> constant_integers(const ov::Output<ov::Node>& value);

// Whether `axes` is a constant that names the last axis of `of`, and no other.
bool is_last_axis(const ov::Output<ov::Node>& axes, const ov::Output<ov::Node>& of);

}  // namespace llm
