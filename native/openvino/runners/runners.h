// The runners on OpenVINO, made from a compiled model.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>

#include "engine/runner.h"
#include "openvino/model/model.h"

namespace llm {

// One sequence at a time, on the state inside the model: works on every device and with every OVModelForCausalLM
// export.
std::unique_ptr<Runner> make_stateful_runner(ov::CompiledModel compiled, RunnerInfo info, DecoderModel decoder,
                                             const EngineConfig& config);

// Many sequences at once on a KV cache of blocks; page() has rewritten the graph. Throws Failure ERR_OUT_OF_MEMORY when
// config.kv_bytes hold no block, or when there is not so much memory.
std::unique_ptr<Runner> make_paged_runner(ov::CompiledModel compiled, RunnerInfo info, MappedConstants mapped,
                                          const EngineConfig& config);

}  // namespace llm
