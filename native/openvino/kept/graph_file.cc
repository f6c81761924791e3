#include "openvino/kept/graph_file.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "kernels/packed_file.h"
#include "openvino/core.h"

namespace llm {
namespace {

namespace fs = std::filesystem;

struct Trailer {
  std::array<char, 8> magic = {'O', 'V', 'L', 'L', 'M', 'C', 'G', '\n'};
  uint64_t layout = 7;  // another one whenever what this version keeps changes
  uint64_t exported = 0;
  uint64_t rest = 0;
  uint64_t checksum = 0;  // of all bytes before the trailer
};

}  // namespace

GraphFile::GraphFile(const std::string& path, const Threads& threads) : file_(path) {
  Trailer trailer;
  if (file_.size() < sizeof trailer) return;
  const size_t bytes = file_.size() - sizeof trailer;
  std::memcpy(&trailer, file_.data() + bytes, sizeof trailer);
  const Trailer wanted;
  if (trailer.magic != wanted.magic || trailer.layout != wanted.layout || trailer.exported > bytes ||
      trailer.rest != bytes - trailer.exported) {
    return;
  }
  if (checksum_of(file_.data(), bytes, threads) != trailer.checksum) return;
  exported_ = trailer.exported;
  rest_ = trailer.rest;
  whole_ = true;
}

std::string write_graph_file(const std::string& path, const std::function<void(std::ostream&)>& write_export,
                             const std::string& rest, const Threads& threads) {
  const auto temporary = temporary_name(path);
  std::error_code failed;
  try {
    std::ofstream file;
    file.exceptions(std::ios::failbit | std::ios::badbit);
    file.open(path_of(temporary), std::ios::binary | std::ios::trunc);
    write_export(file);
    file.seekp(0, std::ios::end);  // OpenVINO goes back to write its header last
    Trailer trailer;
    trailer.exported = static_cast<uint64_t>(file.tellp());
    trailer.rest = rest.size();
    file << rest << std::flush;
    {
      const MappedFile written(temporary);
      if (written.size() != trailer.exported + trailer.rest) throw std::runtime_error("it was not written whole");
      trailer.checksum = checksum_of(written.data(), written.size(), threads);
    }
    file.write(reinterpret_cast<const char*>(&trailer), sizeof trailer);
    file.close();
    fs::rename(path_of(temporary), path_of(path));
    return "";
  } catch (const std::exception& error) {
    fs::remove(path_of(temporary), failed);
    return plain_words(error);
  }
}

}  // namespace llm
