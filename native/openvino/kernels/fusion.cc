#include "openvino/kernels/fusion.h"

#include <algorithm>
#include <map>
#include <openvino/op/ops.hpp>
#include <set>
#include <utility>

#include "engine/failure.h"
#include "openvino/kernels/fused_steps.h"
#include "openvino/kernels/norm_pattern.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;

size_t width_of(const Value& value) {
  const auto& shape = value.get_partial_shape();
  if (shape.rank().is_dynamic() || shape.size() == 0 || shape[shape.size() - 1].is_dynamic()) return 0;
  return static_cast<size_t>(shape[shape.size() - 1].get_length());
}

// A step to be, and where its values are in the graph.
struct Item {
  std::shared_ptr<ov::Node> last;  // the operation whose outputs it makes
  Step step;
  std::vector<Value> inputs;
  std::vector<const ov::Node*> interior;  // of the pattern, see FoundNorm
};

bool find_product(const std::shared_ptr<ov::Node>& node, Item& item) {
  const auto product = ov::as_type_ptr<CompressedMatMul>(node);
  if (!product) return false;
  item.step.kind = Step::Kind::kProduct;
  item.step.weights = product->weights();
  item.step.weights_id = product->weights()->id;
  item.inputs = {product->input_value(0)};
  return true;
}

bool find_normed(const std::shared_ptr<ov::Node>& node, Item& item) {
  auto found = find_norm(node);
  if (!found) return false;
  item.step.kind = Step::Kind::kNorm;
  item.step.norm = std::move(found->norm);
  item.inputs = {found->input};
  item.interior = std::move(found->interior);
  return true;
}

// Two values of one shape, as far as that is known; FusedSteps looks at the rest. Or a value and a bias.
bool find_sum(const std::shared_ptr<ov::Node>& node, Item& item) {
  if (!ov::is_type<ov::op::v1::Add>(node) || node->get_output_element_type(0) != ov::element::f32) return false;
  const size_t width = width_of(node->output(0));
  if (width == 0) return false;
  for (size_t side : {0U, 1U}) {
    const Value value = node->input_value(1 - side);
    auto row = row_constant(node->input_value(side), width);
    if (row.empty() || value.get_partial_shape().rank() != node->get_output_partial_shape(0).rank()) continue;
    if (width_of(value) != width) return false;
    item.step.kind = Step::Kind::kAddRow;
    item.step.row = std::move(row);
    item.inputs = {value};
    return true;
  }
  const Value a = node->input_value(0);
  const Value b = node->input_value(1);
  if (a.get_partial_shape() != b.get_partial_shape()) return false;
  item.step.kind = Step::Kind::kAdd;
  item.inputs = {a, b};
  return true;
}

// Which items become one operation. No path may lead out of such a region and back into it.
class Regions {
 public:
  // In topological order.
  void see(const std::shared_ptr<ov::Node>& node) {
    Item item;
    item.last = node;
    if (find_product(node, item) || find_normed(node, item) || find_sum(node, item)) {
      place(std::move(item));
    } else {
      note_path(node.get(), node->input_values());
    }
  }

  const std::vector<std::vector<Item>>& all() const { return regions_; }
  bool holds(size_t region, const ov::Node* node) const { return is_in(region_of_, region, node); }
  // Whether an operation becomes a part of the region's one.
  bool absorbs(size_t region, const ov::Node* node) const {
    return holds(region, node) || is_in(region_of_interior_, region, node);
  }

 private:
  // The regions whose values a value hangs on: its own one, or those before what makes it.
  std::set<size_t> before(const Value& value) const {
    const auto own = region_of_.find(value.get_node());
    if (own != region_of_.end()) return {own->second};
    const auto found = paths_.find(value.get_node());
    return found == paths_.end() ? std::set<size_t>() : found->second;
  }

  void note_path(const ov::Node* node, const ov::OutputVector& inputs) {
    std::set<size_t> regions;
    for (const auto& input : inputs) regions.merge(before(input));
    if (!regions.empty()) paths_[node] = std::move(regions);
  }

  bool hangs_on(const std::set<size_t>& regions, size_t wanted) const {
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

  void place(Item item) {
    std::set<size_t, std::greater<>> own;  // the latest first
    for (const auto& input : item.inputs) {
      const auto found = region_of_.find(input.get_node());
      if (found != region_of_.end()) own.insert(found->second);
    }
    for (const size_t region : own) {
      std::set<size_t> outside;
      for (const auto& input : item.inputs) {
        if (!holds(region, input.get_node())) outside.merge(before(input));
      }
      if (hangs_on(outside, region)) continue;
      needs_[region].merge(outside);
      put(region, std::move(item));
      return;
    }
    const bool begins = item.step.kind == Step::Kind::kProduct || item.step.kind == Step::Kind::kNorm;
    if (!begins) {
      note_path(item.last.get(), item.last->input_values());
      return;
    }
    needs_.emplace_back();
    for (const auto& input : item.inputs) needs_.back().merge(before(input));
    regions_.emplace_back();
    put(regions_.size() - 1, std::move(item));
  }

  void put(size_t region, Item item) {
    region_of_[item.last.get()] = region;
    for (const auto* node : item.interior) region_of_interior_[node] = region;
    regions_[region].push_back(std::move(item));
  }

  using Places = std::map<const ov::Node*, size_t>;

  static bool is_in(const Places& places, size_t region, const ov::Node* node) {
    const auto found = places.find(node);
    return found != places.end() && found->second == region;
  }

  std::vector<std::vector<Item>> regions_;
  std::vector<std::set<size_t>> needs_;  // of each region: those that it hangs on directly
  Places region_of_;
  Places region_of_interior_;
  std::map<const ov::Node*, std::set<size_t>> paths_;  // of operations outside: the regions before them
};

// Numbers the values of a region: first those from outside.
struct Numbering {
  std::map<Value, size_t> numbers;
  std::vector<size_t> widths;
  size_t add(const Value& value) {
    const auto [found, is_new] = numbers.emplace(value, widths.size());
    if (is_new) widths.push_back(width_of(value));
    return found->second;
  }
};

// Values that were replaced, and by what.
using Replaced = std::map<Value, Value>;

std::shared_ptr<const StepProgram> replace(const Regions& regions, size_t region, size_t count, Replaced& replaced) {
  const auto& items = regions.all()[region];
  Numbering numbering;
  ov::OutputVector inputs;
  for (const auto& item : items) {
    for (const auto& input : item.inputs) {
      if (regions.holds(region, input.get_node()) || numbering.numbers.contains(input)) continue;
      numbering.add(input);
      const auto found = replaced.find(input);
      inputs.push_back(found == replaced.end() ? input : found->second);
    }
  }
  std::vector<Step> steps;
  std::vector<Value> made;
  std::string name;
  for (const auto& item : items) {
    Step step = item.step;
    for (const auto& input : item.inputs) step.inputs.push_back(numbering.add(input));
    for (const auto& output : item.last->outputs()) {
      step.outputs.push_back(numbering.add(output));
      const auto& readers = output.get_target_inputs();
      const bool needed = std::any_of(readers.begin(), readers.end(), [&](const ov::Input<ov::Node>& reader) {
        return !regions.absorbs(region, reader.get_node());
      });
      if (needed) made.push_back(output);
    }
    if (name.empty() && step.kind == Step::Kind::kProduct) name = item.last->get_friendly_name();
    steps.push_back(std::move(step));
  }
  std::vector<size_t> results;
  for (const auto& value : made) results.push_back(numbering.add(value));
  const auto program =
      std::make_shared<const StepProgram>(std::to_string(count) + " " + name, inputs.size(),
                                          std::move(numbering.widths), std::move(results), std::move(steps));
  const auto op = std::make_shared<FusedSteps>(inputs, program);
  op->set_friendly_name(name);
  for (size_t i = 0; i < made.size(); ++i) {
    const auto names = made[i].get_names();
    Value(made[i]).replace(op->output(i));
    op->output(i).add_names(names);
    replaced.emplace(made[i], op->output(i));
  }
  return program;
}

bool is_worthwhile(const std::vector<Item>& items) {
  const auto is_product = [](const Item& item) { return item.step.kind == Step::Kind::kProduct; };
  return items.size() > 1 && std::any_of(items.begin(), items.end(), is_product);
}

}  // namespace

StepPrograms fuse_steps(ov::Model& model) {
  Regions regions;
  const auto ordered = model.get_ordered_ops();
  for (const auto& node : ordered) regions.see(node);
  StepPrograms programs;
  Replaced replaced;
  for (size_t region = 0; region < regions.all().size(); ++region) {
    if (!is_worthwhile(regions.all()[region])) continue;
    programs.push_back(replace(regions, region, programs.size(), replaced));
  }
  model.validate_nodes_and_infer_types();
  return programs;
}

}  // namespace llm
