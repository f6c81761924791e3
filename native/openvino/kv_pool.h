// The memory of a paged KV cache: for every layer a tensor of keys and one of values, cut into blocks.
#pragma once
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "../engine/block_manager.h"
#include "lazy_memory.h"

namespace llm {

class KvPool {
 public:
  // Tokens of a block on CPU. The plugin fixes it; the compiled model's shapes do not tell: to 32 rows of keys they may
  // add some that hold scales and zero points.
  static constexpr size_t kBlockTokens = 32;

  // Bytes that one block takes in all tensors together. Throws Failure ERR_UNSUPPORTED_MODEL when the compiled model's
  // caches are not made of blocks of kBlockTokens.
  static size_t block_bytes(const ov::CompiledModel& compiled);

  // Reserves `blocks` blocks; the memory of one comes into being when it is first written to. Throws std::bad_alloc.
  KvPool(const ov::CompiledModel& compiled, size_t blocks);

  // Makes the tensors the request's inputs.
  void bind(ov::InferRequest& request) const;

  // All layers; no step may run.
  void copy(BlockCopy copy);

 private:
  struct Cache {
    std::string name;
    ov::Tensor tensor;
    size_t block_bytes;
  };

  LazyMemory memory_;
  std::vector<Cache> caches_;
};

}  // namespace llm
