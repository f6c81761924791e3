// Where the tensors of a paged KV cache lie: in memory of this process, or in the device's.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>

namespace llm {

class KvMemory {
 public:
  virtual ~KvMemory() = default;

  // Throws std::bad_alloc when there is not enough memory. The tensor must not outlive this object.
  virtual ov::Tensor create(const ov::element::Type& type, const ov::Shape& shape) = 0;

  // Copies index `from` of the first axis to index `to`. No step may run.
  virtual void copy(ov::Tensor& tensor, size_t from, size_t to) = 0;
};

// Reserves address space at once, and takes memory as it is written to.
std::unique_ptr<KvMemory> host_memory();

// Takes memory of the device that the model was compiled for, all at once. Throws Failure ERR_DEVICE when the device
// has none.
std::unique_ptr<KvMemory> device_memory(const ov::CompiledModel& compiled);

}  // namespace llm
