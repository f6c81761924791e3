#include "kernels/packed_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "kernels/packed_weights.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <fcntl.h>
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

fs::path path_of(const std::string& utf8) { return fs::path(std::u8string(utf8.begin(), utf8.end())); }

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

  // Closes it. Returns the first failure of all, or "". It is not brought to the disk, which may take long: what is
  // lost when the power fails is noticed by its sum.
  std::string finish() {
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

}  // namespace

// Process ids would not do: in containers they are all the same, and what a killed one left is in the way.
std::string temporary_name(const std::string& path) {
  std::random_device random;
  return path + "." + std::to_string(random()) + std::to_string(random()) + ".tmp";
}

PackedFile::PackedFile(const std::string& path, const PackedIdentity& identity, const Threads& threads) : file_(path) {
  if (file_.size() != kHeader + identity.bytes) return;
  const uint8_t* begin = file_.data();
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
