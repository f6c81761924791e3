// Rewriting a stateful graph to attention over a KV cache of blocks.
#pragma once
#include <openvino/openvino.hpp>
#include <set>
#include <string>

namespace llm {

// Runs OpenVINO's SDPAToPagedAttention. Returns '' when the graph is completely converted: no state is left, every
// attention is paged and applies the mask of the original (mask_proof.h; `context` is the longest sequence that the
// model may have), nothing else takes the step's length for a sequence's, and all inputs are ones that PagedRunner sets
// (input_ids, position_ids, past_lens, subsequence_begins, block_indices, block_indices_begins, max_context_len,
// sampled_tokens_indices, rope_length, key_cache.N, value_cache.N). `windows` gets the sliding windows of its layers.
// Otherwise returns in words why not; then the graph is of no use any more.
std::string page(const std::shared_ptr<ov::Model>& model, int64_t context, std::set<int64_t>& windows);

}  // namespace llm
