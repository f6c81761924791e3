#include "openvino/runners/lazy_memory.h"

#include <algorithm>
#include <new>

#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#endif

namespace llm {

#ifdef _WIN32

LazyMemory::LazyMemory(size_t bytes)
    : data_(static_cast<std::byte*>(VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE))),
      bytes_(bytes) {
  if (!data_) throw std::bad_alloc();
}

LazyMemory::~LazyMemory() { VirtualFree(data_, 0, MEM_RELEASE); }

#else

namespace {

// A block has rows in every layer's tensors. With huge pages from the start, the first block would take two megabytes
// in each. Behind so many bytes of small pages they add at most half of what is used.
constexpr size_t kSmallPages = 4 << 20;

std::byte* map(size_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(memory);
#if defined(MADV_NOHUGEPAGE) && defined(MADV_HUGEPAGE)
  madvise(begin, std::min(bytes, kSmallPages), MADV_NOHUGEPAGE);
  if (bytes > kSmallPages) madvise(begin + kSmallPages, bytes - kSmallPages, MADV_HUGEPAGE);
#endif
  return begin;
}

}  // namespace

LazyMemory::LazyMemory(size_t bytes) : data_(map(bytes)), bytes_(bytes) {}

LazyMemory::~LazyMemory() { munmap(data_, bytes_); }

#endif

}  // namespace llm
