// Rotary embeddings of GGUF's llama layout, in the form that OpenVINO's plugins fuse.
#pragma once
#include <openvino/openvino.hpp>

namespace llm {

// In the query and key weights of llama-like models GGUF interleaves the two halves of each head, and rotates
// neighbours. OpenVINO 2026.4.1 computes that with a dozen small nodes per layer and tensor. This puts the rows of
// those weights back into the order of the original checkpoint and rotates halves, which OpenVINO fuses. Queries and
// keys are permuted alike, so their products stay as they were, and so do the model's logits.
//
// Rewrites all of the model's attention layers but `unrotated` that rotate nothing, or leaves the graph as it is when
// one has another form. Returns how many rotations were rewritten.
size_t rotate_halves(ov::Model& model, size_t unrotated = 0);

}  // namespace llm
