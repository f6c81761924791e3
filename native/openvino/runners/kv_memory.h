// Where the tensors of a paged KV cache lie: in memory of ours that a CPU computes in, or in a GPU's own.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>

namespace llm {

class KvMemory {
 public:
  virtual ~KvMemory() = default;

  // Throws std::bad_alloc when the memory is not to be had. The tensor lives no longer than this.
  virtual ov::Tensor create(const ov::element::Type& type, const ov::Shape& shape) = 0;

  // Copies what lies at `from` of the first axis to `to`; no step may run.
  virtual void copy(ov::Tensor& tensor, size_t from, size_t to) = 0;
};

// Reserved at once, taken as it is written to.
std::unique_ptr<KvMemory> host_memory();

// Of the device that the model was compiled for, taken at once. Throws Failure ERR_DEVICE when it has none of its own.
std::unique_ptr<KvMemory> device_memory(const ov::CompiledModel& compiled);

}  // namespace llm
