#include "openvino/kernels/fusion_regions.h"

#include <algorithm>
#include <functional>
#include <openvino/op/result.hpp>
#include <openvino/op/sink.hpp>
#include <utility>

namespace llm {
namespace {

// Of 512 tokens their products take half a second, of one some milliseconds: an operation itself costs next to nothing.
constexpr size_t kMostWeights = size_t{128} << 20;

size_t weights_of(const FusibleStep& found) {
  size_t bytes = 0;
  if (found.step.weights) {
    for (const auto& part : found.step.weights->parts) bytes += part.bytes();
  }
  return bytes;
}

bool is_in(const std::map<const ov::Node*, size_t>& places, size_t region, const ov::Node* node) {
  const auto found = places.find(node);
  return found != places.end() && found->second == region;
}

}  // namespace

void FusionRegions::see(const std::shared_ptr<ov::Node>& node) {
  views_.see(*node);
  const auto made = [&](ov::Output<ov::Node>& value, size_t width) {
    const auto base = views_.base(value);
    const auto found = widths_.find(base);
    if (found == widths_.end() || found->second != width) return false;
    value = base;
    return true;
  };
  FusibleStep step;
  if (find_step(node, made, step)) {
    place(std::move(step));
  } else {
    note_path(node.get(), node->input_values());
  }
}

bool FusionRegions::is_inside(size_t region, const FusibleStep::Input& input) const {
  if (!is_in(region_of_, region, input.value.get_node())) return false;
  const auto found = widths_.find(input.value);
  return found != widths_.end() && found->second == input.width;
}

bool FusionRegions::is_result(size_t region, const ov::Output<ov::Node>& value) const {
  const auto readers = value.get_target_inputs();
  return std::any_of(readers.begin(), readers.end(), [&](const ov::Input<ov::Node>& reader) {
    const ov::Node* node = reader.get_node();
    if (is_in(region_of_, region, node) || is_in(region_of_interior_, region, node)) return false;
    // What else reads only shapes, or shows the value to steps of this region alone, goes away with them.
    const bool ends = ov::is_type<ov::op::v0::Result>(node) || ov::is_type<ov::op::Sink>(node);
    if (region_of_.contains(node) || ends) return true;
    const auto outputs = node->outputs();
    const auto is_read = [&](const ov::Output<const ov::Node>& output) { return !output.get_target_inputs().empty(); };
    if (std::none_of(outputs.begin(), outputs.end(), is_read)) return false;
    for (size_t i = 0; i < node->get_output_size(); ++i) {
      if (is_result(region, const_cast<ov::Node*>(node)->output(i))) return true;
    }
    return false;
  });
}

std::set<size_t> FusionRegions::before(const ov::Output<ov::Node>& value) const {
  const auto own = region_of_.find(value.get_node());
  if (own != region_of_.end()) return {own->second};
  const auto found = paths_.find(value.get_node());
  return found == paths_.end() ? std::set<size_t>() : found->second;
}

void FusionRegions::note_path(const ov::Node* node, const ov::OutputVector& inputs) {
  std::set<size_t> regions;
  for (const auto& input : inputs) regions.merge(before(input));
  if (!regions.empty()) paths_[node] = std::move(regions);
}

bool FusionRegions::hangs_on(const std::set<size_t>& regions, size_t wanted) const {
  std::set<size_t> seen;
  std::vector<size_t> open(regions.begin(), regions.end());
  while (!open.empty()) {
    const size_t region = open.back();
    open.pop_back();
    if (region == wanted) return true;
    if (!seen.insert(region).second) continue;
    open.insert(open.end(), needs_[region].begin(), needs_[region].end());
  }
  return false;
}

void FusionRegions::place(FusibleStep step) {
  std::set<size_t, std::greater<>> own;  // the latest first
  for (const auto& input : step.inputs) {
    const auto found = region_of_.find(input.value.get_node());
    if (found != region_of_.end()) own.insert(found->second);
  }
  // Only within a region can a step take what its input shows in another width.
  const auto from_outside = [](const FusibleStep::Input& input) { return last_size(input.shown) == input.width; };
  for (const size_t region : own) {
    std::set<size_t> outside;
    bool takes = weights_[region] == 0 || weights_[region] + weights_of(step) <= kMostWeights;
    for (const auto& tensor : step.tensors) outside.merge(before(tensor));
    for (const auto& input : step.inputs) {
      if (is_inside(region, input)) continue;
      takes = takes && from_outside(input);
      outside.merge(before(input.shown));
    }
    if (!takes || hangs_on(outside, region)) continue;
    needs_[region].merge(outside);
    put(region, std::move(step));
    return;
  }
  if (!step.begins || !std::all_of(step.inputs.begin(), step.inputs.end(), from_outside)) {
    note_path(step.last.get(), step.last->input_values());
    return;
  }
  needs_.emplace_back();
  weights_.push_back(0);
  for (const auto& tensor : step.tensors) needs_.back().merge(before(tensor));
  for (const auto& input : step.inputs) needs_.back().merge(before(input.shown));
  regions_.emplace_back();
  put(regions_.size() - 1, std::move(step));
}

void FusionRegions::put(size_t region, FusibleStep step) {
  region_of_[step.last.get()] = region;
  weights_[region] += weights_of(step);
  for (size_t i = 0; i < step.widths.size(); ++i) widths_[step.last->output(i)] = step.widths[i];
  for (const auto* node : step.interior) region_of_interior_[node] = region;
  for (auto& input : step.inputs) {
    if (!is_inside(region, input)) input.value = input.shown;
  }
  regions_[region].push_back(std::move(step));
}

}  // namespace llm
