// Memory of a matrix product, used again from call to call.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

namespace llm {

// Takes the memory that the thread has kept, or allocates, and leaves it with the thread in the end. A call that begins
// on a thread in the middle of another one (a thread that waits for its tasks may be given others meanwhile) finds
// nothing kept, so the two never share memory.
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
  size_t bytes_;
};

}  // namespace llm
