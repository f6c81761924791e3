// What the rest of the addon may ask of OpenVINO. No type of OpenVINO appears here: only this folder includes
// <openvino/...>.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/event.h"
#include "engine/runner.h"

namespace llm {

std::string openvino_version();

// Reads, checks and compiles an OVModelForCausalLM IR; reports the stages `read` and `compile`. `config.runner` is
// `stateful`, `paged` (Failure ERR_DEVICE or ERR_UNSUPPORTED_MODEL when it cannot be) or `auto`: paged where device,
// processor and graph allow it, otherwise stateful. The runner's info says what was taken and why.
std::unique_ptr<Runner> open_runner(const EngineConfig& config, const EventSink& post);

// Compares what both runners compute in f32 for made-up prompts of these lengths; reports the stages `read`, `compile`
// and `compare`. Throws Failure, and Interrupted between two steps once `cancelled` is set.
ComparisonResult check_model(const std::string& model_path, const DeviceFeatures& device, int32_t context_length,
                             const std::vector<int32_t>& lengths, const std::atomic<bool>& cancelled,
                             const EventSink& post);

// Compares what two configurations compute for one text, teacher-forced; the same stages. Throws Failure, and
// Interrupted between two steps once `cancelled` is set.
ComparisonResult compare_models(const EngineConfig& left, const EngineConfig& right, const std::vector<Token>& text,
                                const std::atomic<bool>& cancelled, const EventSink& post);

// Reads a model without compiling it, and asks the device for its default precision. Throws Failure.
Inspection inspect_model(const std::string& model_path, const std::string& device);

// What a GGUF says and OpenVINO 2026.4.1's front end does not put into the graph. The defaults change nothing.
struct GgufMends {
  // Divisors of the frequencies of rotary embeddings, one for each: Llama-3's and LongRoPE's.
  std::vector<double> rope_factors;
  // Cosines and sines are multiplied by it: LongRoPE's.
  double rope_magnitude = 1;
  // Tables of this base are not scaled, though those of other layers are: Gemma 3's. 0 for none.
  double local_rope_base = 0;
  // Layers whose queries and keys are not rotated at all: SmolLM3's.
  std::vector<int32_t> unrotated_layers;
  // Of every layer: "windowed", "full", or "" for what the front end chose.
  std::string attention_mask;
};

// Writes openvino_model.xml and openvino_model.bin into the existing folder `target`; reports the stage
// `convert`. Throws Failure, and Interrupted between its parts once `cancelled` is set.
GraphInfo convert_gguf(const std::string& source, const std::string& target, const GgufMends& mends,
                       const std::atomic<bool>& cancelled, const EventSink& post);

// The devices of one plugin (CPU, GPU, NPU), or of all for "". Loads their drivers, which may take a second. A plugin
// that cannot be asked gives one entry with its `error`.
std::vector<DeviceInfo> list_devices(const std::string& plugin);

}  // namespace llm
