// A whole file in memory, as the system reads it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace llm {

// Mapped read-only and shared. The mapping stays when the file is replaced or removed; but if somebody truncates it in
// place, reading what is gone ends the process (SIGBUS).
class MappedFile {
 public:
  // What is not there, empty, or no file has no data(). `path` is UTF-8.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const { return static_cast<const uint8_t*>(memory_); }  // aligned to pages, or null
  size_t size() const { return size_; }

 private:
  void* memory_ = nullptr;
  size_t size_ = 0;
};

}  // namespace llm
