// Rewriting a stateful graph to attention over a KV cache of blocks.
#pragma once
#include <openvino/openvino.hpp>
#include <string>

namespace llm {

// Runs OpenVINO's SDPAToPagedAttention. Returns '' when the graph is completely converted: no state is left, each
// attention of the model is a paged one and nothing is asked for but the inputs that PagedRunner sets (input_ids,
// position_ids, past_lens, subsequence_begins, block_indices, block_indices_begins, max_context_len,
// sampled_tokens_indices, key_cache.N, value_cache.N). Otherwise says in words why not, and the graph is of no use any
// more.
std::string page(const std::shared_ptr<ov::Model>& model);

}  // namespace llm
