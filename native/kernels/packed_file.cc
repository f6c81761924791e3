#include "kernels/packed_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "kernels/packed_weights.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace llm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeader = 4096;
constexpr std::array<char, 8> kMagic = {'O', 'V', 'L', 'L', 'M', 'P', 'W', '\n'};

struct Header {
  std::array<char, 8> magic = kMagic;
  uint64_t layout = PackedWeights::kLayout;
  uint64_t plan = 0;
  uint64_t bytes = 0;
  uint64_t checksum = 0;
};

// Odd, so that multiplying loses nothing (2^64 divided by the golden ratio).
constexpr uint64_t kFactor = 0x9e3779b97f4a7c15U;

uint64_t mix(uint64_t sum, uint64_t value) {
  sum = (sum ^ value) * kFactor;
  return sum ^ sum >> 32;
}

// Eight sums beside each other, so that multiplications need not wait for each other.
uint64_t checksum_of(const uint8_t* data, size_t bytes) {
  std::array<uint64_t, 8> sums{1, 2, 3, 4, 5, 6, 7, 8};
  size_t done = 0;
  for (; done + sizeof sums <= bytes; done += sizeof sums) {
    std::array<uint64_t, 8> words;
    std::memcpy(words.data(), data + done, sizeof words);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = mix(sums[i], words[i]);
  }
  uint64_t sum = bytes;
  for (const uint64_t one : sums) sum = mix(sum, one);
  for (; done < bytes; ++done) sum = mix(sum, data[done]);
  return sum;
}

constexpr size_t kPiece = 4U << 20;  // of the checksum's bytes

// By all threads; the number of threads does not matter.
uint64_t checksum_of(const uint8_t* data, size_t bytes, const Threads& threads) {
  struct Work {
    const uint8_t* data;
    size_t bytes;
    std::vector<uint64_t> sums;
  } work{data, bytes, std::vector<uint64_t>((bytes + kPiece - 1) / kPiece)};
  const auto task = [](void* context, size_t index) {
    auto& all = *static_cast<Work*>(context);
    const size_t begin = index * kPiece;
    all.sums[index] = checksum_of(all.data + begin, std::min(kPiece, all.bytes - begin));
  };
  threads.run(work.sums.size(), task, &work);
  uint64_t sum = bytes;
  for (const uint64_t one : work.sums) sum = mix(sum, one);
  return sum;
}

fs::path path_of(const std::string& utf8) { return fs::path(std::u8string(utf8.begin(), utf8.end())); }

// The whole file, if it has exactly so many bytes; else null.
void* map_file(const std::string& path, size_t bytes) {
#ifdef _WIN32
  const HANDLE file = CreateFileW(path_of(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr,
                                  OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) return nullptr;
  void* memory = nullptr;
  LARGE_INTEGER size{};
  if (GetFileSizeEx(file, &size) && static_cast<uint64_t>(size.QuadPart) == bytes) {
    if (const HANDLE mapping = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr)) {
      memory = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
      CloseHandle(mapping);
    }
  }
  CloseHandle(file);
  return memory;
#else
  // Not blocking: opening a pipe would wait for a writer.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return nullptr;
  struct stat status{};
  void* memory = MAP_FAILED;
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && static_cast<uint64_t>(status.st_size) == bytes) {
    memory = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  }
  close(file);
  return memory == MAP_FAILED ? nullptr : memory;
#endif
}

std::string system_words(int code) { return std::error_code(code, std::system_category()).message(); }

// A new file that is written from its beginning. Failures are kept until they are asked for.
class NewFile {
 public:
  explicit NewFile(const fs::path& path) {
#ifdef _WIN32
    file_ = CreateFileW(path.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (file_ == INVALID_HANDLE_VALUE) note();
#else
    file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file_ < 0) note();
#endif
  }
  ~NewFile() { close_it(); }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(const uint8_t* data, size_t bytes) {
    constexpr size_t kMost = 1U << 30;  // systems take less than 2 GB at once
    while (bytes > 0 && error_.empty()) {
      const size_t wanted = std::min(bytes, kMost);
#ifdef _WIN32
      DWORD written = 0;
      if (!WriteFile(file_, data, static_cast<DWORD>(wanted), &written, nullptr)) return note();
#else
      const ssize_t written = ::write(file_, data, wanted);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return note();
#endif
      data += written;
      bytes -= static_cast<size_t>(written);
    }
  }

  // Brings it to the disk and closes it. Returns the first failure of all, or "".
  std::string finish() {
    if (!error_.empty()) return error_;
#ifdef _WIN32
    if (!FlushFileBuffers(file_)) note();
#else
    if (fsync(file_) != 0) note();
#endif
    close_it();
    return error_;
  }

 private:
  void note() {
#ifdef _WIN32
    error_ = system_words(static_cast<int>(GetLastError()));
#else
    error_ = system_words(errno);
#endif
  }

#ifdef _WIN32
  void close_it() {
    if (file_ != INVALID_HANDLE_VALUE) CloseHandle(std::exchange(file_, INVALID_HANDLE_VALUE));
  }
  HANDLE file_;
#else
  void close_it() {
    if (file_ >= 0 && close(std::exchange(file_, -1)) != 0 && error_.empty()) note();
  }
  int file_;
#endif
  std::string error_;
};

// Process ids would not do: in containers they are all the same, and what a killed one left is in the way.
std::string temporary_name(const std::string& path) {
  std::random_device random;
  return path + "." + std::to_string(random()) + std::to_string(random()) + ".tmp";
}

}  // namespace

void Fingerprint::add(uint64_t value) { value_ = mix(value_, value); }

void Fingerprint::add(const uint8_t* data, size_t bytes) { add(checksum_of(data, bytes)); }

PackedFile::PackedFile(const std::string& path, const PackedIdentity& identity, const Threads& threads) {
  mapped_ = kHeader + identity.bytes;
  mapping_ = map_file(path, mapped_);
  if (!mapping_) return;
  const auto* begin = static_cast<const uint8_t*>(mapping_);
  Header header;
  std::memcpy(&header, begin, sizeof header);
  const Header wanted;
  if (header.magic != wanted.magic || header.layout != wanted.layout || header.plan != identity.plan ||
      header.bytes != identity.bytes) {
    return;
  }
  // Reading all of it costs what the first step would pay otherwise, and nothing wrong is ever computed with.
  if (checksum_of(begin + kHeader, identity.bytes, threads) == header.checksum) data_ = begin + kHeader;
}

PackedFile::~PackedFile() {
  if (!mapping_) return;
#ifdef _WIN32
  UnmapViewOfFile(mapping_);
#else
  munmap(mapping_, mapped_);
#endif
}

std::string write_packed_file(const std::string& path, const PackedIdentity& identity, const uint8_t* data,
                              const Threads& threads) {
  const auto temporary = path_of(temporary_name(path));
  Header header;
  header.plan = identity.plan;
  header.bytes = identity.bytes;
  header.checksum = checksum_of(data, identity.bytes, threads);
  std::array<uint8_t, kHeader> page{};
  std::memcpy(page.data(), &header, sizeof header);
  std::string error;
  {
    NewFile file(temporary);
    file.write(page.data(), page.size());
    file.write(data, identity.bytes);
    error = file.finish();
  }
  std::error_code failed;
  if (error.empty()) {
    fs::rename(temporary, path_of(path), failed);
    if (failed) error = failed.message();
  }
  if (!error.empty()) fs::remove(temporary, failed);
  return error;
}

}  // namespace llm
