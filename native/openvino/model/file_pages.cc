#include "openvino/model/file_pages.h"

#include <algorithm>

#ifdef __linux__
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#endif

namespace llm {

#ifdef __linux__

// proc_pid_maps(5): address range, permissions, offset, device, inode; an inode of 0 is no file.
FilePages::FilePages() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    Range range{};
    char dash = 0;
    std::string permissions;
    std::string offset;
    std::string device;
    fields >> std::hex >> range.begin >> dash >> range.end >> permissions >> offset >> device >> std::dec >>
        range.inode;
    // A page that was written to would come back as it is in the file.
    if (fields && range.inode != 0 && permissions.size() > 1 && permissions[1] == '-') files_.push_back(range);
  }
}

void FilePages::give_back(const uint8_t* data, size_t bytes) const {
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t last = (begin + bytes) / page * page;
  const auto holds = [&](const Range& range) { return range.begin <= first && last <= range.end; };
  if (first >= last || !std::any_of(files_.begin(), files_.end(), holds)) return;
  madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

void FilePages::give_back_weights(const std::string& model_path) noexcept try {
  struct stat status{};
  if (stat(std::filesystem::path(model_path).replace_extension(".bin").c_str(), &status) != 0) return;
  // By the inode alone: devices go by other numbers in the list on some file systems, and another file only reads anew.
  for (const auto& [begin, end, inode] : FilePages().files_) {
    if (inode == status.st_ino) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
} catch (const std::exception&) {
  // It stays in memory.
}

#else

FilePages::FilePages() = default;

void FilePages::give_back(const uint8_t*, size_t) const {}

void FilePages::give_back_weights(const std::string&) noexcept {}

#endif

}  // namespace llm
