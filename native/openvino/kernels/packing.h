// Packs the weights of a whole model, or finds them packed in a file.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "engine/event.h"
#include "kernels/packed_weights.h"

namespace llm {

struct PackingPart {
  WeightSource source;
  PackedWeights* packed;  // is placed
};

struct Packing {
  std::shared_ptr<const void> memory;  // what keeps the bytes of all parts
  PackedInfo info;
};

// All threads work. Reports the stage `pack`; gives the pages of the file that the sources lie in back as it goes on.
// `path` is the file of packed weights: used if it is theirs and whole, else written, and a warning if it cannot be;
// '' for none. At least one part. Throws std::bad_alloc.
Packing pack(std::span<const PackingPart> parts, const std::string& path, const EventSink& post);

}  // namespace llm
