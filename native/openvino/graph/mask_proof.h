// Proves that paged attention sees what the graph's own attention sees. OpenVINO's SDPAToPagedAttention knows the masks
// of some models and drops every other one without a word; the model then attends to all earlier tokens, and its
// answers are wrong.
#pragma once
#include <cstdint>
#include <openvino/openvino.hpp>
#include <set>
#include <string>

#include "openvino/graph/attention_mask.h"

namespace llm {

// Why the paged model does not attend to what the original one did, in words; "" when every layer does: the same tokens
// seen (causal, sliding window), the same bias of each (alibi), sinks kept. `masks` are the original's, `context` is
// the longest sequence that the model may have, ≥ 1. Lengths up to there and on both sides of each window are compared.
// Throws what AttentionMasks::compute() throws.
// `windows` gets the sliding windows of the paged model's layers, in tokens.
std::string mask_difference(const AttentionMasks& masks, const ov::Model& paged, int64_t context,
                            std::set<int64_t>& windows);

}  // namespace llm
