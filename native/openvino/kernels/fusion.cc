#include "openvino/kernels/fusion.h"

#include <algorithm>
#include <map>
#include <openvino/op/ops.hpp>
#include <set>
#include <utility>

#include "engine/failure.h"
#include "openvino/kernels/fused_steps.h"
#include "openvino/kernels/fusion_regions.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;

// Numbers the values of a region: first those from outside.
struct Numbering {
  std::map<Value, size_t> numbers;
  std::vector<size_t> widths;
  size_t add(const Value& value, size_t width) {
    const auto [found, is_new] = numbers.emplace(value, widths.size());
    if (is_new) widths.push_back(width);
    return found->second;
  }
};

// Values that were replaced, and by what.
using Replaced = std::map<Value, Value>;

// The same axes but for the last one.
bool has_rows_of(const Value& value, const Value& other) {
  auto a = value.get_partial_shape();
  const auto& b = other.get_partial_shape();
  if (a.rank().is_dynamic() || a.rank() != b.rank() || a.size() == 0) return false;
  a[a.size() - 1] = b[b.size() - 1];
  return a == b;
}

// The operation makes [rows, width] of what has not the axes of its first input; the graph has it in another shape.
Value in_shape_of(const Value& made, const Value& old) {
  Value value = made;
  const auto& shape = old.get_partial_shape();
  if (shape.size() != 2) {
    std::vector<int64_t> sizes;
    for (const auto& size : shape) sizes.push_back(size.is_dynamic() ? -1 : size.get_length());
    const auto pattern = ov::op::v0::Constant::create(ov::element::i64, {sizes.size()}, sizes);
    value = std::make_shared<ov::op::v1::Reshape>(value, pattern, false)->output(0);
  }
  if (old.get_element_type() == ov::element::f32) return value;
  return std::make_shared<ov::op::v0::Convert>(value, old.get_element_type())->output(0);
}

// A pattern that is found late makes steps needless which were a part of it.
std::vector<FusibleStep> needed(const FusionRegions& regions, size_t region) {
  std::vector<FusibleStep> steps = regions.all()[region];
  std::set<Value> read;
  std::vector<FusibleStep> kept;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const auto outputs = step->last->outputs();
    const auto is_needed = [&](const Value& output) {
      return read.contains(output) || regions.is_result(region, output);
    };
    if (std::none_of(outputs.begin(), outputs.end(), is_needed)) continue;
    for (const auto& input : step->inputs) read.insert(input.value);
    kept.push_back(std::move(*step));
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

class Replacement {
 public:
  Replacement(const FusionRegions& regions, size_t region, Replaced& replaced)
      : regions_(regions), region_(region), steps_(needed(regions, region)), replaced_(replaced) {}

  std::shared_ptr<const StepProgram> run(size_t count) {
    take_inputs();
    std::vector<Step> steps;
    std::string name;
    for (const auto& found : steps_) {
      if (name.empty() && found.step.kind == Step::Kind::kProduct) name = found.last->get_friendly_name();
      steps.push_back(numbered(found));
    }
    const size_t values = inputs_.size();
    std::vector<StepResult> results;
    for (const auto& made : made_) results.push_back({made.number, made.like_input});
    inputs_.insert(inputs_.end(), tensors_.begin(), tensors_.end());
    const auto program = std::make_shared<const StepProgram>(
        std::to_string(count) + " " + name, values, std::move(numbering_.widths), std::move(results), std::move(steps));
    const auto op = std::make_shared<FusedSteps>(inputs_, program);
    op->set_friendly_name(name);
    for (size_t i = 0; i < made_.size(); ++i) put(made_[i], op->output(i));
    return program;
  }

 private:
  // A result, and the value that it takes the place of: itself, or the last of the views through which alone it is
  // read.
  struct Made {
    Value value;
    Value old;
    size_t number;
    bool like_input;
  };

  // Values that have the axes of the graph come first, so that the operation's results have them, too. What comes in
  // through views is taken as it was before; cosines and sines are the same for all of a row.
  void take_inputs() {
    for (const auto& wanted : {Way::kAsItIs, Way::kBeforeViews, Way::kAngles}) {
      for (const auto& found : steps_) {
        for (size_t i = 0; i < found.inputs.size(); ++i) {
          const bool is_angle = found.step.kind == Step::Kind::kRotate && i > 0;
          if (way_of(found.inputs[i], is_angle) == wanted) take(found.inputs[i]);
        }
      }
    }
  }

  enum class Way { kAsItIs, kBeforeViews, kAngles };

  Way way_of(const FusibleStep::Input& input, bool is_angle) const {
    if (is_angle) return Way::kAngles;
    return source_of(input.value) == input.value ? Way::kAsItIs : Way::kBeforeViews;
  }

  Value source_of(const Value& value) const {
    const Value base = regions_.views().base(value);
    return last_size(base) == last_size(value) && !regions_.is_made(base) ? base : value;
  }

  void take(const FusibleStep::Input& input) {
    if (regions_.is_inside(region_, input) || numbering_.numbers.contains(input.value)) return;
    numbering_.add(input.value, input.width);
    const auto replaced = [&](const Value& value) {
      const auto found = replaced_.find(value);
      return found == replaced_.end() ? value : found->second;
    };
    Value value = replaced(source_of(input.value));
    if (inputs_.empty()) first_ = value;
    if (value.get_element_type() != ov::element::f32) {
      value = std::make_shared<ov::op::v0::Convert>(value, ov::element::f32)->output(0);
    }
    inputs_.push_back(value);
  }

  Step numbered(const FusibleStep& found) {
    Step step = found.step;
    for (const auto& input : found.inputs) step.inputs.push_back(numbering_.add(input.value, input.width));
    for (const auto& tensor : found.tensors) {
      const auto known = std::find(tensors_.begin(), tensors_.end(), tensor);
      step.tensors.push_back(static_cast<size_t>(known - tensors_.begin()));
      if (known == tensors_.end()) tensors_.push_back(tensor);
    }
    for (size_t i = 0; i < found.widths.size(); ++i) {
      const Value output = found.last->output(i);
      step.outputs.push_back(numbering_.add(output, found.widths[i]));
      if (!regions_.is_result(region_, output)) continue;
      const Value seen = last_view(output);
      const bool like_input = has_rows_of(output, first_) && seen.get_partial_shape().rank() != 2;
      made_.push_back({output, like_input ? output : seen, step.outputs.back(), like_input});
    }
    return step;
  }

  Value last_view(Value value) const {
    for (;;) {
      const auto readers = value.get_target_inputs();
      if (readers.size() != 1 || readers.begin()->get_index() != 0) return value;
      ov::Node* reader = readers.begin()->get_node();
      if (!regions_.views().is_view(reader)) return value;
      value = reader->output(0);
    }
  }

  void put(const Made& made, const Value& output) {
    const auto names = made.old.get_names();
    const Value value = made.like_input ? output : in_shape_of(output, made.old);
    Value(made.old).replace(value);
    value.get_tensor().add_names(names);
    replaced_.emplace(made.old, value);
  }

  const FusionRegions& regions_;
  size_t region_;
  std::vector<FusibleStep> steps_;
  Replaced& replaced_;
  Numbering numbering_;
  ov::OutputVector inputs_;
  ov::OutputVector tensors_;
  Value first_;  // of those
  std::vector<Made> made_;
};

bool is_worthwhile(const std::vector<FusibleStep>& steps) {
  const auto is_product = [](const FusibleStep& found) { return found.step.kind == Step::Kind::kProduct; };
  return steps.size() > 1 && std::any_of(steps.begin(), steps.end(), is_product);
}

// Sizes that a graph computes from those of other values, although all but one of them are known.
void settle_shapes(const ov::NodeVector& ordered) {
  for (const auto& node : ordered) {
    const auto& shape = node->get_output_size() == 1 ? node->get_output_partial_shape(0) : ov::PartialShape{};
    if (!ov::is_type<ov::op::v1::Reshape>(node) || !has_one_unknown_size(shape)) continue;
    if (ov::is_type<ov::op::v0::Constant>(node->get_input_node_ptr(1))) continue;
    std::vector<int64_t> sizes;
    for (const auto& size : shape) sizes.push_back(size.is_dynamic() ? -1 : size.get_length());
    if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) continue;
    const auto pattern = ov::op::v0::Constant::create(ov::element::i64, {sizes.size()}, sizes);
    node->input(1).replace_source_output(pattern);
  }
}

}  // namespace

StepPrograms fuse_steps(ov::Model& model) {
  settle_shapes(model.get_ordered_ops());
  FusionRegions regions;
  const auto ordered = model.get_ordered_ops();
  for (const auto& node : ordered) regions.see(node);
  StepPrograms programs;
  Replaced values;
  std::set<const ov::Node*> replaced;
  for (size_t region = 0; region < regions.all().size(); ++region) {
    if (!is_worthwhile(regions.all()[region])) continue;
    programs.push_back(Replacement(regions, region, values).run(programs.size()));
    for (const auto& step : regions.all()[region]) replaced.insert(step.last.get());
  }
  model.validate_nodes_and_infer_types();
  for (const auto& node : model.get_ops()) {
    if (replaced.contains(node.get())) throw Failure(ERR_ENGINE, "not replaced: " + node->get_friendly_name());
  }
  return programs;
}

}  // namespace llm
