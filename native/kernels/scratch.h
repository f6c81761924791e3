// Memory of a matrix product, used again from call to call.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

namespace llm {

// Takes memory that the thread has kept, or allocates, and leaves it with the thread in the end. A call that begins in
// the middle of another one (within it, or on a thread that waits for its tasks and is given others meanwhile) takes
// other memory: a thread keeps as many as were in use at once.
class Scratch {
 public:
  // Throws std::bad_alloc. What the memory holds is undefined.
  explicit Scratch(size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // Aligned to lines of 64 bytes.
  uint8_t* data();

 private:
  std::unique_ptr<uint8_t[]> memory_;
  size_t bytes_ = 0;
};

// Parts of such memory, each at a line of 64 bytes. Without memory it counts alone, and the parts are null.
class Carver {
 public:
  explicit Carver(uint8_t* memory) : memory_(memory) {}

  template <class T>
  T* take(size_t count) {
    uint8_t* taken = memory_ == nullptr ? nullptr : memory_ + bytes_;
    bytes_ += (count * sizeof(T) + 63) / 64 * 64;
    return reinterpret_cast<T*>(taken);
  }
  size_t bytes() const { return bytes_; }

 private:
  uint8_t* memory_;
  size_t bytes_ = 0;
};

}  // namespace llm
