// Memory of files that are mapped: what was read once and is not needed again can leave it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace llm {

struct ByteRange {
  const uint8_t* data;
  size_t bytes;
};

// The mappings of this process whose pages can be thrown away, as they are when this is made: their contents come back
// from the file when they are read again. Those are read-only mappings of files, as OpenVINO makes them (shared),
// without a single page that the process wrote to. (A library's relocated data is read-only too, but its pages were
// written, and would come back as they are in the file. Memory without a file would come back as zeroes.)
//
// Whoever throws pages away must own them: a range may only name memory that the caller keeps mapped. A huge page of
// the page cache leaves as a whole.
class FilePages {
 public:
  // Elsewhere than on Linux nothing is known, and nothing thrown away.
  FilePages();

  // Whether all of the range lies in one of those mappings.
  bool hold(ByteRange range) const;

  // Throws away the whole pages of the range, if hold(range).
  void give_back(ByteRange range) const;

 private:
  struct Mapping {
    uintptr_t begin;
    uintptr_t end;
  };
  std::vector<Mapping> mappings_;  // in order of their addresses
};

// Has the allocator give back what is free inside its arenas, where it is glibc's: reading and compiling leave some
// 10 MB there that nobody asks for again. Takes a millisecond.
void give_back_free_memory() noexcept;

}  // namespace llm
