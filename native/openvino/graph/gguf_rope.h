// Rotary embeddings of GGUF's llama layout, in the form that OpenVINO's plugins fuse.
#pragma once
#include <openvino/openvino.hpp>

namespace llm {

// GGUF keeps the query and key weights of llama-like models with the two halves of each head interleaved, and rotates
// neighbours: a form that OpenVINO 2026.4.1 computes with a dozen small nodes per layer and tensor. Puts the rows of
// those weights back into the order of the original checkpoint and rotates halves, which it fuses. Queries and keys are
// permuted alike, so their products, and with them the model's logits, stay what they were.
//
// All of the model's attention layers or none: a graph of another form is left as it is. Returns how many rotations
// were rewritten.
size_t rotate_halves(ov::Model& model);

}  // namespace llm
