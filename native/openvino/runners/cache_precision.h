// Which precisions a paged KV cache can have.
#pragma once
#include <openvino/runtime/properties.hpp>
#include <optional>
#include <string>

#include "engine/types.h"

namespace llm {

// With KV_CACHE_PRECISION f32 where the device needs it and the caller asks for none: see cache_precision_obstacle().
ov::AnyMap with_cache_precision(const DeviceFeatures& device, ov::AnyMap properties);

// Why the paged cache cannot have the precision that is asked for. OpenVINO 2026.4.1's kernels for a GPU that computes
// in f32 do not compile with a cache in f16 (`mad` of float and half), and in i8 they would write scales of four bytes
// where the cache has room for two.
std::optional<std::string> cache_precision_obstacle(const DeviceFeatures& device, const ov::AnyMap& properties);

// Behind the message of a failed compilation, which speaks of types only; "" when the precisions are not to blame.
std::string cache_precision_hint(const ov::AnyMap& properties);

}  // namespace llm
