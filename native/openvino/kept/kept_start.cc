#include "openvino/kept/kept_start.h"

#include <cstdlib>
#include <sstream>

#include "kernels/cpu_features.h"
#include "kernels/kernel.h"
#include "openvino/core.h"
#include "openvino/kept/archive.h"
#include "openvino/runtime.h"

namespace llm {

template <class Archive>
void each_part(GraphInfo& info, Archive& archive) {
  archive(info.vocabulary_size);
  archive(info.long_rope_border);
  archive(info.weights);
  archive(info.rt_info);
}

template <class Archive>
void each_part(KernelChoice& choice, Archive& archive) {
  archive(choice.scheme);
  archive(choice.size);
  archive(choice.layers);
  archive(choice.kernel);
  archive(choice.reason);
}

template <class Archive>
void each_part(AttentionChoice& choice, Archive& archive) {
  archive(choice.kernel);
  archive(choice.layers);
  archive(choice.reason);
}

template <class Archive>
void each_part(RunnerInfo& info, Archive& archive) {
  archive(info.model);
  archive(info.runner);
  archive(info.reason);
  archive(info.windows);
  archive(info.rope);
  archive(info.long_rope_border);
  archive(info.kernels);
  archive(info.attention);
  archive(info.kv_precision);
}

template <class Archive>
void each_part(StateAxis& axis, Archive& archive) {
  archive(axis.name);
  archive(axis.tokens);
}

template <class Archive>
void each_part(DecoderModel& decoder, Archive& archive) {
  archive(decoder.info);
  archive(decoder.inputs.attention_mask);
  archive(decoder.inputs.position_ids);
  archive(decoder.inputs.beam_idx);
  archive(decoder.inputs.cache_position);
  archive(decoder.axes.states);
  archive(decoder.axes.batches);
  archive(decoder.axes.values_per_token);
  archive(decoder.padding_obstacle);
  archive(decoder.gathers_rows);
  archive(decoder.has_fixed_states);
  archive(decoder.prompt_positions);
}

template <class Archive>
void each_part(KeptWeights& weights, Archive& archive) {
  archive(weights.rows);
  archive(weights.columns);
  archive(weights.group);
  archive(weights.bits);
}

template <class Archive>
void each_part(KeptLayer& layer, Archive& archive) {
  archive(layer.id);
  archive(layer.gated);
  archive(layer.experts);
  archive(layer.parts);
}

// Without its weights and its attention, which have ids.
template <class Archive>
void each_part(Step& step, Archive& archive) {
  archive(step.kind);
  archive(step.inputs);
  archive(step.outputs);
  archive(step.weights_id);
  archive(step.norm.weight);
  archive(step.norm.bias);
  archive(step.norm.epsilon);
  archive(step.norm.centred);
  archive(step.row);
  archive(step.activation);
  archive(step.begin);
  archive(step.heads);
  archive(step.attention_id);
  archive(step.tensors);
}

template <class Archive>
void each_part(StepResult& result, Archive& archive) {
  archive(result.value);
  archive(result.like_input);
}

template <class Archive>
void each_part(KeptProgram& program, Archive& archive) {
  archive(program.id);
  archive(program.inputs);
  archive(program.widths);
  archive(program.results);
  archive(program.steps);
}

template <class Archive>
void each_part(AttentionShape& shape, Archive& archive) {
  archive(shape.heads);
  archive(shape.kv_heads);
  archive(shape.key_width);
  archive(shape.value_width);
  archive(shape.key_type);
  archive(shape.value_type);
  archive(shape.scale);
  archive(shape.window);
  archive(shape.slopes);
  archive(shape.sinks);
}

template <class Archive>
void each_part(SharedAttention& attention, Archive& archive) {
  archive(attention.id);
  archive(attention.shape);
}

template <class Archive>
void each_part(Warning& warning, Archive& archive) {
  archive(warning.code);
  archive(warning.message);
}

template <class Archive>
void each_part(KeptStart& start, Archive& archive) {
  archive(start.identity);
  archive(start.info);
  archive(start.decoder);
  archive(start.parts.layers);
  archive(start.parts.programs);
  archive(start.parts.blocks);
  archive(start.parts.attention);
  archive(start.parts.attention_graph);
  archive(start.packed.plan);
  archive(start.packed.bytes);
  archive(start.warnings);
  archive(start.logits);
}

namespace {

std::string property_of(const std::string& device, const char* name) {
  try {
    return core().get_property(device, name).as<std::string>();
  } catch (const std::exception&) {
    return "";  // no device has to have it
  }
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::string identity_of(const EngineConfig& config, const ov::AnyMap& properties) {
  std::ostringstream text;
  const auto line = [&](const char* name, const auto& value) { text << name << '=' << value << '\n'; };
  line("file", path_of(config.graph_path).filename().string());
  line("openvino", openvino_version());
  const auto& device = config.device.name;
  line("device", device);
  line("processor", property_of(device, "FULL_DEVICE_NAME"));
  line("capabilities", property_of(device, "OPTIMIZATION_CAPABILITIES"));
  line("kernels", kernels().front()->name);
  for (const char* name : {"OPENVINO_LLM_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA", "OV_CPU_MAX_ISA"}) {
    line(name, variable(name));
  }
  for (const auto& [name, value] : properties) line(name.c_str(), value.as<std::string>());
  line("runner", config.runner);
  line("gather", config.gather_rows);
  line("rope", config.rope_regime);
  line("context", config.context_length);
  line("sequences", config.max_sequences);
  line("prompt", config.max_prompt);
  line("response", config.min_response);
  line("kernel", config.cpu_kernel);
  line("attention", config.cpu_attention);
  line("span", config.activation_span);
  std::ostringstream sizes;
  for (const int32_t size : config.warmup) sizes << size << ' ';
  line("warmup", sizes.str());  // was computed, see KeptRunner
  return text.str();
}

std::optional<KeptStart> read_kept_start(const GraphFile& file, const std::string& identity) {
  if (!file.whole()) return std::nullopt;
  try {
    KeptStart start;
    ArchiveReader archive(file.rest());
    archive(start);
    if (start.identity != identity || !archive.at_end()) return std::nullopt;
    return start;
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

std::string text_of(KeptStart& start) {
  ArchiveWriter archive;
  archive(start);
  return archive.bytes();
}

}  // namespace llm
