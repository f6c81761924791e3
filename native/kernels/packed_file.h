// Packed weights in a file: the next start maps it instead of packing, and processes share its memory.
//
// One page of header (magic, version of the layout, what the weights are, their bytes and checksum), then the weights
// as they lie in memory. It is made for this machine: numbers are in its byte order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/matmul.h"

namespace llm {

// 64 bits of everything that was added, in order. Every change of 8 bytes changes it; nothing against malice.
class Fingerprint {
 public:
  void add(uint64_t value);
  void add(const uint8_t* data, size_t bytes);
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0x9e3779b97f4a7c15U;
};

// What must be in a file for it to be used.
struct PackedIdentity {
  uint64_t plan = 0;  // fingerprint of where the weights came from and in which order they lie
  size_t bytes = 0;   // of weights, > 0
};

// A whole file, mapped read-only and shared. The mapping stays when the file is replaced or removed; but if somebody
// truncates it in place, reading what is gone ends the process (SIGBUS).
class PackedFile {
 public:
  // What is not there, or no packed weights of this identity, or damaged, has no data(). `path` is UTF-8.
  PackedFile(const std::string& path, const PackedIdentity& identity, const Threads& threads);
  ~PackedFile();
  PackedFile(const PackedFile&) = delete;
  PackedFile& operator=(const PackedFile&) = delete;

  // identity.bytes bytes, aligned to lines, or null.
  const uint8_t* data() const { return data_; }

 private:
  void* mapping_ = nullptr;
  size_t mapped_ = 0;
  const uint8_t* data_ = nullptr;
};

// Writes beside it, and only what is complete and on the disk takes its place. Returns why it could not, or "".
std::string write_packed_file(const std::string& path, const PackedIdentity& identity, const uint8_t* data,
                              const Threads& threads);

}  // namespace llm
