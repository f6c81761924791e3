#include "openvino/model/file_pages.h"

#include <algorithm>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#endif

namespace llm {

#ifdef __linux__
namespace {

// A line of proc_pid_smaps(5) that begins a mapping: address range, permissions, offset, device, inode. An inode of 0
// is no file.
bool read_header(const std::string& line, uintptr_t& begin, uintptr_t& end, bool& file) {
  std::istringstream fields(line);
  char dash = 0;
  std::string permissions;
  std::string offset;
  std::string device;
  uint64_t inode = 0;
  fields >> std::hex >> begin >> dash >> end >> permissions >> offset >> device >> std::dec >> inode;
  if (!fields || dash != '-' || permissions.size() != 4) return false;
  file = inode != 0 && permissions[1] == '-';
  return true;
}

}  // namespace

FilePages::FilePages() {
  std::ifstream smaps("/proc/self/smaps");
  Mapping mapping{};
  bool file = false;
  for (std::string line; std::getline(smaps, line);) {
    constexpr std::string_view kWritten = "Anonymous:";  // bytes of pages that are the process's own
    if (line.starts_with(kWritten)) {
      if (file && std::stoull(line.substr(kWritten.size())) == 0) mappings_.push_back(mapping);
      file = false;
    } else if (line[0] < 'A' || line[0] > 'Z') {
      if (!read_header(line, mapping.begin, mapping.end, file)) file = false;
    }
  }
}

bool FilePages::hold(ByteRange range) const {
  const auto begin = reinterpret_cast<uintptr_t>(range.data);
  const auto after =
      std::upper_bound(mappings_.begin(), mappings_.end(), begin,
                       [](uintptr_t address, const Mapping& mapping) { return address < mapping.begin; });
  return after != mappings_.begin() && begin + range.bytes <= std::prev(after)->end;
}

void FilePages::give_back(ByteRange range) const {
  const auto begin = reinterpret_cast<uintptr_t>(range.data);
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t last = (begin + range.bytes) / page * page;
  if (first < last && hold(range)) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

#else

FilePages::FilePages() = default;

bool FilePages::hold(ByteRange) const { return false; }

void FilePages::give_back(ByteRange) const {}

#endif

void give_back_free_memory() noexcept {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace llm
