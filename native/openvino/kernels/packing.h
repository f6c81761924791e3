// Packs the weights of a whole model, or finds them packed in a file.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "engine/event.h"
#include "kernels/packed_file.h"
#include "kernels/packed_weights.h"

namespace llm {

struct PackingPart {
  WeightSource source;
  PackedWeights* packed;  // is placed
};

struct Packing {
  std::shared_ptr<const void> memory;  // what keeps the bytes of all parts
  PackedInfo info;
  PackedIdentity identity;        // of the file
  const uint8_t* data = nullptr;  // what is to be written into the file; null when it is there, or is none
};

// Packs at least one part, with all threads; reports the stage `pack`. While it goes on, the pages of the sources leave
// memory where they are a mapped file's. `path` (UTF-8, or '' for none) is a file of packed weights. If it holds these
// parts' weights, undamaged, it is used; else it is the caller's to write, when there is time. Throws std::bad_alloc.
Packing pack(std::span<const PackingPart> parts, const std::string& path, const EventSink& post);

}  // namespace llm
