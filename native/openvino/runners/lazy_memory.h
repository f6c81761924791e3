// Address space that is reserved at once, and takes memory page by page as it is written to, from its beginning. What
// is long is in huge pages where the system has them, but for its beginning: reading a long KV cache took a tenth less
// time.
#pragma once
#include <cstddef>

namespace llm {

class LazyMemory {
 public:
  // Zeroed, and aligned to pages. Throws std::bad_alloc when the system does not promise so many bytes.
  explicit LazyMemory(size_t bytes);
  ~LazyMemory();
  LazyMemory(const LazyMemory&) = delete;
  LazyMemory& operator=(const LazyMemory&) = delete;

  std::byte* data() const { return data_; }
  size_t size() const { return bytes_; }

 private:
  std::byte* data_;
  size_t bytes_;
};

}  // namespace llm
