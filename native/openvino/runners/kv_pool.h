// The memory of a paged KV cache: for every layer a tensor of keys and one of values, cut into blocks.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "engine/scheduling/block_manager.h"
#include "openvino/runners/kv_memory.h"

namespace llm {

// How the plugin cuts the cache into blocks. The compiled model's shapes do not tell: to the rows of keys they may add
// some that hold scales and zero points.
struct KvLayout {
  size_t block_tokens;
  bool transposed_keys;  // the tokens of a block of keys are its last axis
};

class KvPool {
 public:
  // Bytes that one block takes in all tensors together. Throws Failure ERR_UNSUPPORTED_MODEL when the compiled model's
  // caches are not made of such blocks.
  static size_t block_bytes(const ov::CompiledModel& compiled, const KvLayout& layout);

  // Element type of the keys, and of the values where that is another one: `u8`, `u8/u4`.
  static std::string precision(const ov::CompiledModel& compiled, const KvLayout& layout);

  // Throws std::bad_alloc.
  KvPool(const ov::CompiledModel& compiled, const KvLayout& layout, size_t blocks, std::unique_ptr<KvMemory> memory);

  // Makes the tensors the request's inputs.
  void bind(ov::InferRequest& request) const;

  // All layers; no step may run.
  void copy(BlockCopy copy);

 private:
  struct Cache {
    std::string name;
    ov::Tensor tensor;
  };

  std::unique_ptr<KvMemory> memory_;
  std::vector<Cache> caches_;
};

}  // namespace llm
