// Packed weights in a file: the next start maps it instead of packing, and processes share its memory.
//
// One page of header (magic, version of the layout, what the weights are, their bytes and checksum), then the weights
// as they lie in memory. It is made for this machine: numbers are in its byte order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/checksum.h"
#include "kernels/mapped_file.h"

namespace llm {

// What must be in a file for it to be used.
struct PackedIdentity {
  uint64_t plan = 0;  // fingerprint of where the weights came from and in which order they lie
  size_t bytes = 0;   // of weights, > 0
};

class PackedFile {
 public:
  // What is not there, or no packed weights of this identity, or damaged, has no data(). `path` is UTF-8.
  PackedFile(const std::string& path, const PackedIdentity& identity, const Threads& threads);

  // identity.bytes bytes, aligned to lines, or null.
  const uint8_t* data() const { return data_; }

 private:
  MappedFile file_;
  const uint8_t* data_ = nullptr;
};

// Writes beside it, and only what is complete takes its place. Returns why it could not, or "".
std::string write_packed_file(const std::string& path, const PackedIdentity& identity, const uint8_t* data,
                              const Threads& threads);

// Beside `path`, for what will take its place when it is complete. The cache removes those that were left.
std::string temporary_name(const std::string& path);

}  // namespace llm
