#include "openvino/kernels/kernel_choice.h"

#include <algorithm>
#include <set>

#include "engine/failure.h"
#include "openvino/core.h"
#include "openvino/kernels/builtin_kernels.h"
#include "openvino/kernels/expert_blocks.h"
#include "openvino/kernels/kernel_info.h"
#include "openvino/kernels/kernel_measurement.h"

namespace llm {
namespace {

// Measuring would compile a layer of all experts, with a copy of their weights.
constexpr const char* kExpertsReason = "only the chosen experts are read, and nothing is kept twice";
constexpr const char* kMeasuredBefore = "measured on this machine before";

// What was found earlier on this machine: `scheme=builtin` or `scheme=openvino`.
std::string known_choice(const EngineConfig& config, const std::string& scheme) {
  for (const auto& line : config.kernel_choices) {
    if (line.rfind(scheme + "=", 0) == 0) return line.substr(scheme.size() + 1);
  }
  return "";
}

KernelChoice choose(const std::string& scheme, const SchemeInfo& info, const EngineConfig& config, const KernelUse& use,
                    const ov::AnyMap& properties, const EventSink& post) {
  KernelChoice choice{scheme, static_cast<int64_t>(info.layers), "builtin", {}, ""};
  if (config.cpu_kernel != "auto") {
    choice.reason = "option cpuKernel";
  } else if (use.kernel == &portable_kernel()) {
    choice.kernel = "openvino";
    choice.reason = "there is no built-in kernel for this processor";
  } else if (is_of_experts(scheme)) {
    choice.reason = kExpertsReason;
  } else if (const auto known = known_choice(config, scheme); !known.empty()) {
    choice.kernel = known;
    choice.reason = kMeasuredBefore;
  } else {
    post(Progress{Stage::kMeasure, 0, 1});
    choice.ratios = measure_kernels(info.example, use, config.device.name, properties);
    choice.kernel = builtin_kernel_wins(choice.ratios) ? "builtin" : "openvino";
    choice.reason = "measured now";
    post(Progress{Stage::kMeasure, 1, 1});
  }
  return choice;
}

}  // namespace

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
    if (choice.scheme.empty() || is_of_experts(choice.scheme)) return true;  // nothing to measure
    choice.reason = kMeasuredBefore;
    return known_choice(config, choice.scheme) == (choice.kernel == "openvino" ? "openvino" : "builtin");
  });
}

KernelSetup choose_kernels(ov::Model& model, const EngineConfig& config, const ov::AnyMap& properties,
                           const EventSink& post) {
  KernelSetup setup;
  auto& choices = setup.choices;
  const auto info = kernel_info(model);
  for (const auto& [obstacle, layers] : info.obstacles) {
    choices.push_back({"", static_cast<int64_t>(layers), "openvino", {}, obstacle});
  }
  if (config.cpu_kernel == "openvino") {
    for (const auto& [scheme, found] : info.schemes) {
      choices.push_back({scheme, static_cast<int64_t>(found.layers), "openvino", {}, "option cpuKernel"});
    }
    return setup;
  }
  const KernelUse use = kernel_use(config);
  std::set<std::string> builtin;
  for (const auto& [scheme, found] : info.schemes) {
    choices.push_back(choose(scheme, found, config, use, properties, post));
    if (choices.back().kernel != "builtin") continue;
    choices.back().kernel = use.kernel->name;
    builtin.insert(scheme);
  }
  const auto takes = [&](const std::string& scheme) { return builtin.contains(scheme); };
  setup.builtin = use_builtin_kernels(model, takes, use, config.packed_path, post);
  return setup;
}

}  // namespace llm
