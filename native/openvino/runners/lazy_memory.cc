#include "openvino/runners/lazy_memory.h"

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

std::byte* map(size_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_NOHUGEPAGE
  // A block has rows in every layer's tensors. With huge pages the first block would take two megabytes in each.
  madvise(memory, bytes, MADV_NOHUGEPAGE);
#endif
  return static_cast<std::byte*>(memory);
}

}  // namespace

LazyMemory::LazyMemory(size_t bytes) : data_(map(bytes)), bytes_(bytes) {}

LazyMemory::~LazyMemory() { munmap(data_, bytes_); }

#endif

}  // namespace llm
