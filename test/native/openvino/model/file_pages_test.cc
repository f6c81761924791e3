// What was read of a mapped file leaves memory, and nothing else does.
#include "openvino/model/file_pages.h"

#include "tap.h"

#ifdef __linux__
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

constexpr size_t kBytes = 4U << 20;

// A file of sevens that is there as long as this.
class File {
 public:
  File() : folder_(std::filesystem::temp_directory_path() / ("file-pages-" + std::to_string(getpid()))) {
    std::filesystem::create_directory(folder_);
    std::ofstream(weights(), std::ios::binary) << std::string(kBytes, 7);
  }
  ~File() { std::filesystem::remove_all(folder_); }
  std::string model() const { return (folder_ / "openvino_model.xml").string(); }
  std::string weights() const { return (folder_ / "openvino_model.bin").string(); }

 private:
  std::filesystem::path folder_;
};

class Mapping {
 public:
  Mapping(const std::string& path, int protection) {
    const int file = open(path.c_str(), O_RDWR);
    memory_ = static_cast<uint8_t*>(mmap(nullptr, kBytes, protection, MAP_PRIVATE, file, 0));
    close(file);
  }
  ~Mapping() { munmap(memory_, kBytes); }
  uint8_t* data() const { return memory_; }

  size_t sum() const {
    size_t sum = 0;
    for (size_t i = 0; i < kBytes; ++i) sum += memory_[i];
    return sum;
  }

  // Bytes of it in this process's memory: "Rss" of proc_pid_smaps(5).
  size_t resident() const {
    char first[32];
    std::snprintf(first, sizeof first, "%lx-", reinterpret_cast<unsigned long>(memory_));
    std::ifstream smaps("/proc/self/smaps");
    bool here = false;
    for (std::string line; std::getline(smaps, line);) {
      if (line.rfind(first, 0) == 0) here = true;
      if (here && line.rfind("Rss:", 0) == 0) return std::stoul(line.substr(4)) * 1024;
    }
    return kBytes + 1;
  }

 private:
  uint8_t* memory_;
};

TEST("file pages: the weights beside a model leave memory, and come again") {
  const File file;
  const Mapping mapping(file.weights(), PROT_READ);
  CHECK(mapping.sum() == 7 * kBytes);
  CHECK(mapping.resident() == kBytes);
  llm::FilePages::give_back_weights(file.model());
  CHECK(mapping.resident() == 0);
  CHECK(mapping.sum() == 7 * kBytes);
}

TEST("file pages: what could have been written to stays, and so does another file") {
  const File file;
  const Mapping mapping(file.weights(), PROT_READ | PROT_WRITE);
  mapping.data()[0] = 8;
  CHECK(mapping.sum() == 7 * kBytes + 1);
  llm::FilePages::give_back_weights(file.model());
  CHECK(mapping.sum() == 7 * kBytes + 1);
  const Mapping readable(file.weights(), PROT_READ);
  CHECK(readable.sum() == 7 * kBytes);
  llm::FilePages::give_back_weights("/nowhere/openvino_model.xml");
  CHECK(readable.resident() == kBytes);
}

TEST("file pages: pages of a range leave when they are whole, and memory of no file stays") {
  const File file;
  const Mapping mapping(file.weights(), PROT_READ);
  CHECK(mapping.sum() == 7 * kBytes);
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const llm::FilePages pages;
  pages.give_back(mapping.data() + 1, 3 * page);
  // Two pages or more: the system may unmap a huge page as a whole.
  CHECK(mapping.resident() <= kBytes - 2 * page);
  CHECK(mapping.sum() == 7 * kBytes);
  pages.give_back(mapping.data() + 1, page);
  CHECK_EQUAL(mapping.resident(), kBytes);
  const std::string memory(kBytes, 9);
  pages.give_back(reinterpret_cast<const uint8_t*>(memory.data()), memory.size());
  CHECK(memory.find_first_not_of(9) == std::string::npos);
}

}  // namespace
#endif
