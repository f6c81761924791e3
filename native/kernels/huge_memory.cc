#include "kernels/huge_memory.h"

#include <new>

#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#endif

namespace llm {
namespace {

// A huge page of x86-64; without huge pages, address space that costs nothing.
constexpr size_t kPage = 2 << 20;

size_t whole_pages(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

uint8_t* allocate(size_t bytes) {
#ifdef _WIN32
  void* memory = VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  if (!memory) throw std::bad_alloc();
#else
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
#endif
  return static_cast<uint8_t*>(memory);
}

}  // namespace

HugeMemory::HugeMemory(size_t bytes) : bytes_(whole_pages(bytes)), data_(allocate(bytes_)) {}

HugeMemory::~HugeMemory() {
#ifdef _WIN32
  VirtualFree(data_, 0, MEM_RELEASE);
#else
  munmap(data_, bytes_);
#endif
}

}  // namespace llm
