// The runners on OpenVINO, made from a compiled model.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>

#include "engine/runner.h"
#include "openvino/model/model.h"

namespace llm {

// One sequence at a time on the model's own state: works on every device and every OVModelForCausalLM export.
std::unique_ptr<Runner> make_stateful_runner(ov::CompiledModel compiled, RunnerInfo info, const DecoderModel& decoder,
                                             const EngineConfig& config);

// Many sequences at once on a KV cache of blocks; the graph is one that page() has rewritten. Throws Failure
// ERR_OUT_OF_MEMORY when the configuration's kv_bytes hold no block or are not to be had.
std::unique_ptr<Runner> make_paged_runner(ov::CompiledModel compiled, RunnerInfo info, const EngineConfig& config);

}  // namespace llm
