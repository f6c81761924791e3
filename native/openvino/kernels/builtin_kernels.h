// Puts the built-in matmul kernels into a graph, in the place of products with compressed weights.
#pragma once
#include <functional>
#include <openvino/openvino.hpp>
#include <string>

#include "engine/event.h"
#include "kernels/packed_file.h"
#include "openvino/kernels/compressed_matmul.h"
#include "openvino/kernels/step_program.h"

namespace llm {

// The operations that were put in, in the order in which their weights lie, and where those lie.
struct BuiltinLayers {
  SharedLayers layers;
  StepPrograms programs;  // of which layers are parts, see fuse_steps()
  PackedInfo packed;
  PackedIdentity identity;
  const uint8_t* unwritten = nullptr;  // see Packing.data; the layers keep the memory
};

// Replaces the products whose weights have a scheme that `takes` accepts. Products with one input become one operation,
// and so does silu(gate) * up. If there are any, gathers from compressed weights are replaced too. All threads pack the
// weights, and the pages of the file that they came from leave memory; reports the stage `pack`. With a path (UTF-8),
// packed weights are taken from that file if they are there. Throws std::bad_alloc.
BuiltinLayers use_builtin_kernels(ov::Model& model, const std::function<bool(const std::string& scheme)>& takes,
                                  const KernelUse& use, const std::string& packed_path, const EventSink& post);

}  // namespace llm
