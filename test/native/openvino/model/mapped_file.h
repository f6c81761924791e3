// A file of sevens, and mappings of it whose resident pages can be counted.
#pragma once
#ifdef __linux__
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "openvino/temporary_folder.h"

inline constexpr size_t kMappedBytes = 4U << 20;

// "Rss" of proc_pid_smaps(5): bytes of the mapping that holds this address in the process's memory; -1 when none does.
inline long resident_at(const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) here = begin <= wanted && wanted < end;
    if (here && line.rfind("Rss:", 0) == 0) return std::stol(line.substr(4)) * 1024;
  }
  return -1;
}

// A private mapping of the first kMappedBytes of a file.
class PrivateMapping {
 public:
  PrivateMapping(const std::string& path, int protection) {
    const int file = open(path.c_str(), O_RDWR);
    memory_ = static_cast<uint8_t*>(mmap(nullptr, kMappedBytes, protection, MAP_PRIVATE, file, 0));
    close(file);
  }
  ~PrivateMapping() { munmap(memory_, kMappedBytes); }
  PrivateMapping(const PrivateMapping&) = delete;
  uint8_t* data() const { return memory_; }
  long resident() const { return resident_at(memory_); }
  void make_read_only() { mprotect(memory_, kMappedBytes, PROT_READ); }

  size_t sum() const {
    size_t sum = 0;
    for (size_t i = 0; i < kMappedBytes; ++i) sum += memory_[i];
    return sum;
  }

 private:
  uint8_t* memory_;
};
#endif
