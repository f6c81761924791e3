#include "openvino/runners/kv_memory.h"

#include <cstring>
#include <limits>
#include <vector>

#include "openvino/core.h"
#include "openvino/runners/lazy_memory.h"

namespace llm {
namespace {

class HostMemory : public KvMemory {
 public:
  ov::Tensor create(const ov::element::Type& type, const ov::Shape& shape) override {
    size_t bits = type.bitwidth();
    for (const size_t size : shape) {
      if (size != 0 && bits > std::numeric_limits<size_t>::max() / 2 / size) throw std::bad_alloc();
      bits *= size;
    }
    auto memory = std::make_unique<LazyMemory>((bits + 7) / 8);
    ov::Tensor tensor(type, shape, memory->data());
    memory_.push_back(std::move(memory));
    return tensor;
  }

  void copy(ov::Tensor& tensor, size_t from, size_t to) override {
    const size_t bytes = tensor.get_byte_size() / tensor.get_shape()[0];
    auto* begin = static_cast<std::byte*>(tensor.data());
    std::memcpy(begin + to * bytes, begin + from * bytes, bytes);
  }

 private:
  std::vector<std::unique_ptr<LazyMemory>> memory_;
};

class DeviceMemory : public KvMemory {
 public:
  explicit DeviceMemory(ov::RemoteContext context) : context_(std::move(context)) {}

  ov::Tensor create(const ov::element::Type& type, const ov::Shape& shape) override try {
    return context_.create_tensor(type, shape);
  } catch (const ov::Exception&) {
    throw std::bad_alloc();  // the device asked for this type and shape itself, so nothing else can be wrong
  }

  void copy(ov::Tensor& tensor, size_t from, size_t to) override {
    const auto part = [&](size_t block) {
      ov::Coordinate begin(tensor.get_shape().size(), 0);
      ov::Coordinate end(tensor.get_shape());
      begin[0] = block;
      end[0] = block + 1;
      return ov::RemoteTensor(tensor.as<ov::RemoteTensor>(), begin, end);
    };
    part(to).copy_from(part(from));
  }

 private:
  ov::RemoteContext context_;
};

}  // namespace

std::unique_ptr<KvMemory> host_memory() { return std::make_unique<HostMemory>(); }

std::unique_ptr<KvMemory> device_memory(const ov::CompiledModel& compiled) try {
  return std::make_unique<DeviceMemory>(compiled.get_context());
} catch (const ov::Exception& error) {
  throw Failure(ERR_DEVICE, "the device gives no memory for a KV cache: " + plain_words(error));
}

}  // namespace llm
