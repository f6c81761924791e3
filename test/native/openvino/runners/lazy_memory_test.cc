#include "openvino/runners/lazy_memory.h"

#include "tap.h"

#ifdef __linux__
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace {

// What the system was told of the memory at this address, as it names it: `hg` for huge pages, `nh` for none.
std::string flags_of(const std::byte* address) {
  std::ifstream file("/proc/self/smaps");
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    if (words >> std::hex >> begin >> dash >> end && dash == '-') inside = begin <= wanted && wanted < end;
    if (inside && line.rfind("VmFlags:", 0) == 0) return line + " ";
  }
  return "";
}

bool has(const std::byte* address, const std::string& flag) {
  return flags_of(address).find(" " + flag + " ") != std::string::npos;
}

}  // namespace

TEST("lazy memory: it begins in small pages, and what is long goes on in huge ones") {
  constexpr size_t kMegabyte = 1 << 20;
  const llm::LazyMemory small(kMegabyte);
  const llm::LazyMemory large(16 * kMegabyte);
  // A system without huge pages has neither flag.
  const bool known = std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled").good();
  CHECK_EQUAL(has(small.data(), "nh"), known);
  CHECK_EQUAL(has(large.data() + 4 * kMegabyte - 1, "nh"), known);
  CHECK_EQUAL(has(large.data() + 4 * kMegabyte, "hg"), known);
  CHECK_EQUAL(has(large.data() + 16 * kMegabyte - 1, "hg"), known);
}

#endif
