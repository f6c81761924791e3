#include "openvino/kernels/kernel_choice.h"

#include <algorithm>
#include <set>

#include "engine/failure.h"
#include "openvino/core.h"
#include "openvino/kernels/builtin_kernels.h"
#include "openvino/kernels/expert_blocks.h"
#include "openvino/kernels/kernel_measurement.h"
#include "openvino/kernels/measured_layer.h"

namespace llm {
namespace {

// Measuring would compile a layer of all experts, with a copy of their weights.
constexpr const char* kExpertsReason = "only the chosen experts are read, and nothing is kept twice";
constexpr const char* kMeasuredBefore = "measured on this machine before";
// Packed bytes of a model that is quick with either kernel: it is not worth the time of a measurement.
constexpr size_t kToyBytes = 32'000'000;

// What was found earlier on this machine: `small u4 g128 asymmetric=builtin`, or `=openvino`.
std::string known_choice(const EngineConfig& config, const KernelChoice& choice) {
  const auto key = choice.size + " " + choice.scheme + "=";
  for (const auto& line : config.kernel_choices) {
    if (line.rfind(key, 0) == 0) return line.substr(key.size());
  }
  return "";
}

}  // namespace

KernelChoice choose_kernel(const std::string& scheme, const SchemeInfo& info, size_t packed_bytes,
                           const EngineConfig& config, const MeasureLayer& measure) {
  KernelChoice choice;
  choice.scheme = scheme;
  choice.layers = static_cast<int64_t>(info.layers);
  choice.kernel = "builtin";
  if (config.cpu_kernel != "auto") {
    choice.reason = "option cpuKernel";
    return choice;
  }
  if (kernels().front() == &portable_kernel()) {
    choice.kernel = "openvino";
    choice.reason = "there is no built-in kernel for this processor";
    return choice;
  }
  if (is_of_experts(scheme)) {
    choice.reason = kExpertsReason;
    return choice;
  }
  if (packed_bytes < kToyBytes) {
    choice.reason = "not measured: the model is quick with either";
    return choice;
  }
  choice.size = layer_size(info.example);
  if (const auto known = known_choice(config, choice); !known.empty()) {
    choice.kernel = known;
    choice.reason = kMeasuredBefore;
    return choice;
  }
  const auto verdict = measure(measured_layer(info.example));
  choice.kernel = verdict.builtin ? "builtin" : "openvino";
  choice.ratios = verdict.ratios;
  choice.spread = verdict.spread;
  choice.in_doubt = verdict.in_doubt;
  choice.reason = "measured now";
  return choice;
}

const Kernel& wanted_kernel(const std::string& name) {
  if (name == "auto" || name == "builtin" || name == "openvino") return *kernels().front();
  std::string list;
  for (const Kernel* kernel : kernels()) {
    if (kernel->name == name) return *kernel;
    list += (list.empty() ? "" : ", ") + std::string(kernel->name);
  }
  throw Failure(ERR_DEVICE, "option cpuKernel: this processor has no " + name + "; it has " + list);
}

KernelUse kernel_use(const EngineConfig& config) {
  return {&wanted_kernel(config.cpu_kernel),
          config.activation_span < 0 ? kWholeGroup : static_cast<size_t>(config.activation_span)};
}

bool still_chosen(std::vector<KernelChoice>& choices, const EngineConfig& config) {
  if (config.cpu_kernel != "auto" || kernels().front() == &portable_kernel()) return true;
  return std::all_of(choices.begin(), choices.end(), [&](KernelChoice& choice) {
    if (choice.size.empty()) return true;  // nothing to measure
    choice.reason = kMeasuredBefore;
    return known_choice(config, choice) == (choice.kernel == "openvino" ? "openvino" : "builtin");
  });
}

KernelSetup choose_kernels(ov::Model& model, const EngineConfig& config, const ov::AnyMap& properties,
                           const EventSink& post) {
  KernelSetup setup;
  auto& choices = setup.choices;
  const auto openvino = [&](const std::string& scheme, size_t layers, const std::string& reason) {
    KernelChoice choice;
    choice.scheme = scheme;
    choice.layers = static_cast<int64_t>(layers);
    choice.kernel = "openvino";
    choice.reason = reason;
    choices.push_back(std::move(choice));
  };
  const auto info = kernel_info(model);
  for (const auto& [obstacle, layers] : info.obstacles) openvino("", layers, obstacle);
  if (config.cpu_kernel == "openvino") {
    for (const auto& [scheme, found] : info.schemes) openvino(scheme, found.layers, "option cpuKernel");
    return setup;
  }
  const KernelUse use = kernel_use(config);
  const auto measure = [&](const CompressedWeights& layer) {
    post(Progress{Stage::kMeasure, 0, 1});
    auto verdict = measure_kernels(layer, use, config.device.name, properties);
    post(Progress{Stage::kMeasure, 1, 1});
    return verdict;
  };
  std::set<std::string> builtin;
  for (const auto& [scheme, found] : info.schemes) {
    choices.push_back(choose_kernel(scheme, found, info.packed_bytes, config, measure));
    if (choices.back().kernel != "builtin") continue;
    choices.back().kernel = use.kernel->name;
    builtin.insert(scheme);
  }
  const auto takes = [&](const std::string& scheme) { return builtin.contains(scheme); };
  setup.builtin = use_builtin_kernels(model, takes, use, config.packed_path, post);
  return setup;
}

}  // namespace llm
