// What OpenVINO's PagedAttentionExtension says of itself: inputs of OpenVINO 2026.4.
#pragma once
#include <openvino/openvino.hpp>
#include <string>

#include "kernels/attention/attention.h"

namespace llm {

bool is_paged_attention(const ov::Node& node);

// The measures of a node, without the types of its caches. `obstacle` says in words what of it the built-in attention
// does not have; then the result means nothing.
AttentionShape paged_shape(const ov::Node& node, std::string& obstacle);

// How a plugin would keep the cache of such a node of a model.
struct PagedCache {
  ov::element::Type key_type;
  ov::PartialShape key_shape;
  ov::element::Type value_type;
  ov::PartialShape value_shape;
  ov::element::Type inference_precision;
};

// Compiles the node alone.
PagedCache paged_cache(const ov::Node& node, const ov::Model& whole, const std::string& device,
                       const ov::AnyMap& properties);

}  // namespace llm
