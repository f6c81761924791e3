#include "kernels/packed_file.h"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/flip_bit.h"
#include "tap.h"

using llm::Fingerprint;
using llm::PackedFile;
using llm::PackedIdentity;

namespace {

namespace fs = std::filesystem;

// One after the other.
class NoThreads : public llm::Threads {
 public:
  size_t count() const override { return 1; }
  void run(size_t tasks, void (*task)(void*, size_t), void* context) const override {
    for (size_t i = 0; i < tasks; ++i) task(context, i);
  }
};

const NoThreads kThreads;

// A folder that goes with the test.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("openvino-llm-packed-" + std::to_string(std::random_device()()));
  Folder() { fs::create_directory(path); }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const char* name = "weights.bin") const { return (path / name).string(); }
  size_t count() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
};

// More than a piece of the checksum, and no multiple of anything.
std::vector<uint8_t> some_weights() {
  std::vector<uint8_t> data((9U << 20) + 13);
  std::mt19937 random(5);
  for (auto& byte : data) byte = static_cast<uint8_t>(random());
  return data;
}

bool is_there(const std::string& path, const PackedIdentity& identity) {
  return PackedFile(path, identity, kThreads).data() != nullptr;
}

}  // namespace

TEST("packed file: what was written is mapped, and leaves nothing else behind") {
  const Folder folder;
  const auto data = some_weights();
  const PackedIdentity identity{77, data.size()};
  CHECK(!is_there(folder.file(), identity));
  CHECK_EQUAL(llm::write_packed_file(folder.file(), identity, data.data(), kThreads), std::string());
  CHECK_EQUAL(folder.count(), size_t{1});
  const PackedFile file(folder.file(), identity, kThreads);
  CHECK(file.data() != nullptr);
  CHECK(reinterpret_cast<uintptr_t>(file.data()) % 64 == 0);
  CHECK(std::equal(data.begin(), data.end(), file.data()));
  // Replacing or removing it leaves what is mapped.
  const std::vector<uint8_t> other(data.size(), 1);
  CHECK_EQUAL(llm::write_packed_file(folder.file(), identity, other.data(), kThreads), std::string());
  fs::remove(folder.file());
  CHECK(std::equal(data.begin(), data.end(), file.data()));
}

TEST("packed file: another model's, another size and every flipped bit are not taken") {
  const Folder folder;
  const auto data = some_weights();
  const PackedIdentity identity{77, data.size()};
  CHECK_EQUAL(llm::write_packed_file(folder.file(), identity, data.data(), kThreads), std::string());
  CHECK(!is_there(folder.file(), {78, data.size()}));
  CHECK(!is_there(folder.file(), {77, data.size() - 1}));
  const size_t whole = fs::file_size(folder.file());
  // Magic, layout, plan, bytes, checksum; then the first, some and the last of the weights.
  for (const size_t offset : {size_t{0}, size_t{8}, size_t{16}, size_t{24}, size_t{32}, whole - data.size(), whole / 2,
                              whole - 14, whole - 1}) {
    flip_bit(folder.file(), offset);
    if (is_there(folder.file(), identity)) throw tap::Mismatch("a flipped bit at " + std::to_string(offset));
    flip_bit(folder.file(), offset);
  }
  CHECK(is_there(folder.file(), identity));
  for (const size_t size : {whole - 1, whole + 1, size_t{4096}, size_t{10}, size_t{0}}) {
    fs::resize_file(folder.file(), size);
    CHECK(!is_there(folder.file(), identity));
  }
}

TEST("packed file: where nothing can be written it says why and leaves nothing") {
  const Folder folder;
  const std::vector<uint8_t> data(100, 3);
  const PackedIdentity identity{1, data.size()};
  CHECK(!llm::write_packed_file(folder.file("none/weights.bin"), identity, data.data(), kThreads).empty());
  fs::create_directory(folder.file());
  CHECK(!is_there(folder.file(), identity));
  CHECK(!llm::write_packed_file(folder.file(), identity, data.data(), kThreads).empty());
  CHECK_EQUAL(folder.count(), size_t{1});
}

TEST("fingerprint: order, values and lengths matter") {
  const auto of = [](std::initializer_list<uint64_t> values) {
    Fingerprint fingerprint;
    for (const uint64_t value : values) fingerprint.add(value);
    return fingerprint.value();
  };
  CHECK_EQUAL(of({1, 2}), of({1, 2}));
  CHECK(of({1, 2}) != of({2, 1}));
  CHECK(of({1}) != of({1, 0}));
  const uint8_t bytes[2] = {0, 0};
  Fingerprint one;
  Fingerprint two;
  one.add(bytes, 1);
  two.add(bytes, 2);
  CHECK(one.value() != two.value());
}
