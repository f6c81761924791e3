#include "openvino/kept/graph_parts.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <openvino/core/op_extension.hpp>
#include <openvino/op/ops.hpp>
#include <openvino/pass/serialize.hpp>
#include <sstream>
#include <string_view>

#include "openvino/core.h"
#include "openvino/kernels/compressed_experts.h"
#include "openvino/kernels/compressed_gather.h"
#include "openvino/kernels/fused_steps.h"

namespace llm {
namespace {

constexpr const char* kPagedAttention = "PagedAttentionExtension";
constexpr size_t kKeyCache = 3;  // which of its inputs

// What the import on this thread is of; the extensions are the process's.
struct Importing {
  const GraphParts& parts;
  const SharedLayers& layers;
  StepPrograms programs;
};
thread_local const Importing* importing = nullptr;

class ImportScope {
 public:
  explicit ImportScope(const Importing& now) { importing = &now; }
  ~ImportScope() { importing = nullptr; }
  ImportScope(const ImportScope&) = delete;
  ImportScope& operator=(const ImportScope&) = delete;
};

std::string name_of(const ov::Output<ov::Node>& value) {
  return value.get_names().empty() ? value.get_node()->get_friendly_name() : *value.get_names().begin();
}

// The one of these with an id. Throws Failure ERR_MODEL_INVALID.
template <class Items, class IdOf>
const auto& find_by_id(const Items& items, const std::string& id, const IdOf& id_of, const char* what) {
  for (const auto& item : items) {
    if (id_of(item) == id) return item;
  }
  throw Failure(ERR_MODEL_INVALID, std::string("the graph has ") + what + id);
}

const std::shared_ptr<const SharedWeights>& layer_of(const SharedLayers& layers, const std::string& id) {
  return find_by_id(
      layers, id, [](const auto& layer) { return layer->id; }, "an operation whose weights are not there: ");
}

std::shared_ptr<const SharedAttention> attention_of(const GraphParts& parts, const std::string& id) {
  const auto id_of = [](const auto& kept) { return kept.id; };
  return std::make_shared<const SharedAttention>(
      find_by_id(parts.blocks, id, id_of, "an attention that is not known: "));
}

// Makes operations of this addon again, by the ids that an exported graph holds.
template <class Op>
class OwnExtension : public ov::BaseOpExtension {
 public:
  using Make = std::shared_ptr<Op> (*)(const ov::OutputVector& inputs, const Importing& from, const std::string& id,
                                       ov::AttributeVisitor& visitor);

  explicit OwnExtension(Make make) : make_(make) {}
  const ov::DiscreteTypeInfo& get_type_info() const override { return Op::get_type_info_static(); }
  std::vector<ov::Extension::Ptr> get_attached_extensions() const override { return {}; }

  ov::OutputVector create(const ov::OutputVector& inputs, ov::AttributeVisitor& visitor) const override {
    std::string id;
    visitor.on_attribute("id", id);
    if (!importing) throw Failure(ERR_MODEL_INVALID, "the graph was not exported by this package: " + id);
    return make_(inputs, *importing, id, visitor)->outputs();
  }

 private:
  Make make_;
};

// Whether layers and programs are all that it takes to make such an operation again.
bool is_made_by_id(const ov::DiscreteTypeInfo& type) {
  return type == CompressedMatMul::get_type_info_static() || type == CompressedExperts::get_type_info_static() ||
         type == CompressedGather::get_type_info_static() || type == FusedSteps::get_type_info_static();
}

template <class Op>
void add_extension(typename OwnExtension<Op>::Make make) {
  core().add_extension(std::make_shared<OwnExtension<Op>>(make));
}

void add_own_extensions() {
  add_extension<CompressedMatMul>([](const auto& inputs, const auto& from, const auto& id, auto&) {
    return std::make_shared<CompressedMatMul>(inputs.at(0), layer_of(from.layers, id));
  });
  add_extension<CompressedExperts>([](const auto& inputs, const auto& from, const auto& id, auto&) {
    return std::make_shared<CompressedExperts>(inputs, layer_of(from.layers, id));
  });
  add_extension<CompressedGather>([](const auto& inputs, const auto& from, const auto& id, auto& visitor) {
    size_t part = 0;
    visitor.on_attribute("part", part);
    return std::make_shared<CompressedGather>(inputs.at(0), layer_of(from.layers, id), part);
  });
  add_extension<FusedSteps>([](const auto& inputs, const auto& from, const auto& id, auto&) {
    const auto id_of = [](const auto& program) { return program->id(); };
    return std::make_shared<FusedSteps>(inputs, find_by_id(from.programs, id, id_of, "steps that are not known: "));
  });
  add_extension<BlockAttention>([](const auto& inputs, const auto& from, const auto& id, auto&) {
    return std::make_shared<BlockAttention>(inputs, attention_of(from.parts, id));
  });
}

StepPrograms programs_of(const GraphParts& parts, const SharedLayers& layers) {
  StepPrograms programs;
  for (const auto& kept : parts.programs) {
    auto steps = kept.steps;
    for (auto& step : steps) {
      if (step.kind == Step::Kind::kProduct) step.weights = layer_of(layers, step.weights_id);
      if (step.kind == Step::Kind::kAttend) step.attention = attention_of(parts, step.attention_id);
    }
    programs.push_back(
        std::make_shared<const StepProgram>(kept.id, kept.inputs, kept.widths, kept.results, std::move(steps)));
  }
  return programs;
}

// As OpenVINO makes them, and with their runtime information.
class AttentionExtension : public ov::BaseOpExtension {
 public:
  explicit AttentionExtension(std::shared_ptr<ov::Node> example) : example_(std::move(example)) {}
  const ov::DiscreteTypeInfo& get_type_info() const override { return example_->get_type_info(); }
  std::vector<ov::Extension::Ptr> get_attached_extensions() const override { return {}; }

  ov::OutputVector create(const ov::OutputVector& inputs, ov::AttributeVisitor& visitor) const override {
    const auto node = example_->clone_with_new_inputs(inputs);
    node->visit_attributes(visitor);
    node->validate_and_infer_types();
    if (importing) {
      for (const auto& [name, value] : importing->parts.attention.at(name_of(inputs.at(kKeyCache)))) {
        node->get_rt_info()[name] = value;
      }
    }
    return node->outputs();
  }

 private:
  std::shared_ptr<ov::Node> example_;
};

std::shared_ptr<ov::Node> attention_of(const ov::Model& model) {
  for (const auto& op : model.get_ops()) {
    if (op->get_type_name() == std::string_view(kPagedAttention)) return op;
  }
  return nullptr;
}

// Once for each process, or OpenVINO's core would have them several times.
void register_extensions(const std::string& attention_graph) {
  static std::mutex mutex;
  static bool own = false;
  static bool attention = false;
  const std::lock_guard lock(mutex);
  if (!std::exchange(own, true)) add_own_extensions();
  if (attention || attention_graph.empty()) return;
  // The class is in no public header of OpenVINO, so an operation that OpenVINO itself has read is what others are
  // cloned from. It must be read before the extension is there.
  const auto example = attention_of(*core().read_model(attention_graph, ov::Tensor()));
  if (!example) throw Failure(ERR_MODEL_INVALID, "the graph of an attention has none");
  core().add_extension(std::make_shared<AttentionExtension>(example));
  attention = true;
}

std::string graph_with(const ov::Node& attention) {
  ov::ParameterVector parameters;
  ov::OutputVector inputs;
  for (const auto& input : attention.inputs()) {
    parameters.push_back(std::make_shared<ov::op::v0::Parameter>(input.get_element_type(), input.get_partial_shape()));
    inputs.push_back(parameters.back());
  }
  const auto model = std::make_shared<ov::Model>(attention.clone_with_new_inputs(inputs)->outputs(), parameters);
  std::ostringstream xml, weights;
  ov::pass::Serialize(xml, weights).run_on_model(model);
  return xml.str();
}

}  // namespace

std::optional<GraphParts> graph_parts(const ov::Model& model, const BuiltinLayers& builtin) {
  GraphParts parts;
  for (const auto& op : model.get_ops()) {
    const auto& type = op->get_type_info();
    if (type.name == std::string_view(kPagedAttention)) {
      auto& information = parts.attention[name_of(op->input_value(kKeyCache))];
      for (const auto& [name, value] : op->get_rt_info()) {
        if (value.is<size_t>()) {
          information[name] = value.as<size_t>();
        } else if (value.is<int64_t>()) {
          information[name] = static_cast<size_t>(value.as<int64_t>());
        }
      }
      if (parts.attention_graph.empty()) parts.attention_graph = graph_with(*op);
    } else if (const auto block = ov::as_type_ptr<const BlockAttention>(op)) {
      parts.blocks.push_back(*block->attention());
    } else if (type.version_id && std::strcmp(type.version_id, CompressedMatMul::kOpset) == 0 && !is_made_by_id(type)) {
      return std::nullopt;
    }
  }
  for (const auto& layer : builtin.layers) {
    KeptLayer kept{layer->id, layer->gated, layer->experts, {}};
    for (const auto& part : layer->parts) {
      kept.parts.push_back({part.rows(), part.columns(), part.columns() / part.groups(), part.bits()});
    }
    parts.layers.push_back(std::move(kept));
  }
  for (const auto& program : builtin.programs) {
    for (const auto& step : program->steps()) {
      if (step.attention) parts.blocks.push_back(*step.attention);
    }
    parts.programs.push_back(
        {program->id(), program->inputs(), program->widths(), program->results(), program->steps()});
  }
  return parts;
}

ov::CompiledModel import_graph(std::string_view exported, const GraphParts& parts, const SharedLayers& layers,
                               const std::string& device, const ov::AnyMap& properties) {
  register_extensions(parts.attention_graph);
  const Importing now{parts, layers, programs_of(parts, layers)};
  const ImportScope scope(now);
  // Borrowed: whoever has the file keeps it as long as what is compiled.
  const ov::Tensor bytes(ov::element::u8, {exported.size()}, const_cast<char*>(exported.data()));
  return core().import_model(bytes, device, properties);
}

}  // namespace llm
