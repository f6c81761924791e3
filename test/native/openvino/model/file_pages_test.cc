// What was read of a mapped file leaves memory, and nothing else does.
#include "openvino/model/file_pages.h"

#include <memory>
#include <vector>

#include "openvino/model/mapped_file.h"
#include "tap.h"

#ifdef __linux__
namespace {

constexpr size_t kBytes = kMappedBytes;

std::string sevens(const TemporaryFolder& folder) {
  const auto path = folder / "sevens";
  std::ofstream(path, std::ios::binary) << std::string(kBytes, 7);
  return path.string();
}

TEST("file pages: whole pages of a range leave memory, and come again") {
  const TemporaryFolder folder("file-pages");
  const PrivateMapping mapping(sevens(folder), PROT_READ);
  CHECK(mapping.sum() == 7 * kBytes);
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const llm::FilePages pages;
  CHECK(pages.hold({mapping.data(), kBytes}));
  pages.give_back({mapping.data() + 1, 3 * page});
  // Two pages or more: the system may unmap a huge page as a whole.
  CHECK(mapping.resident() <= static_cast<long>(kBytes - 2 * page));
  CHECK(mapping.sum() == 7 * kBytes);
  pages.give_back({mapping.data() + 1, page});
  CHECK_EQUAL(mapping.resident(), static_cast<long>(kBytes));
  pages.give_back({mapping.data(), kBytes});
  CHECK_EQUAL(mapping.resident(), 0L);
  CHECK(mapping.sum() == 7 * kBytes);
}

TEST("file pages: a mapping that can be written to, or was once, stays") {
  const TemporaryFolder folder("file-pages");
  PrivateMapping written(sevens(folder), PROT_READ | PROT_WRITE);
  written.data()[0] = 8;
  llm::FilePages().give_back({written.data(), kBytes});
  CHECK(written.sum() == 7 * kBytes + 1);
  written.make_read_only();  // as the dynamic linker does with relocated pages
  const llm::FilePages pages;
  CHECK(!pages.hold({written.data(), kBytes}));
  pages.give_back({written.data(), kBytes});
  CHECK(written.sum() == 7 * kBytes + 1);
}

TEST("file pages: memory of no file stays, and so does a range that is only partly a file's") {
  const TemporaryFolder folder("file-pages");
  const PrivateMapping mapping(sevens(folder), PROT_READ);
  CHECK(mapping.sum() == 7 * kBytes);
  const llm::FilePages pages;
  const std::string memory(kBytes, 9);
  pages.give_back({reinterpret_cast<const uint8_t*>(memory.data()), memory.size()});
  CHECK(memory.find_first_not_of(9) == std::string::npos);
  CHECK(!pages.hold({mapping.data(), kBytes * 1024}));
  pages.give_back({mapping.data(), kBytes * 1024});
  CHECK_EQUAL(mapping.resident(), static_cast<long>(kBytes));
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST("file pages: what was freed in the middle of the heap leaves the process") {
  constexpr size_t kBlock = 64 << 10;  // too small for a mapping of its own
  std::vector<std::unique_ptr<char[]>> blocks;
  for (size_t i = 0; i < 64; ++i) blocks.push_back(std::make_unique<char[]>(kBlock));
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  auto* middle = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(blocks[32].get()) + page) / page * page);
  const auto is_resident = [&] {
    unsigned char resident = 0;
    CHECK_EQUAL(mincore(middle, page, &resident), 0);
    return (resident & 1U) != 0;
  };
  blocks.erase(blocks.begin(), blocks.end() - 1);  // the last one keeps the end of the heap where it is
  CHECK(is_resident());
  llm::give_back_free_memory();
  CHECK(!is_resident());
}
#endif

}  // namespace
#endif
