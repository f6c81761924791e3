// A file with what OpenVINO exports of a compiled model, and what else the next start must know.
//
// The export lies first, then the rest, then a trailer (magic, layout, sizes, checksum of all before it). It is made
// for this machine: numbers are in its byte order.
#pragma once
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "kernels/checksum.h"
#include "kernels/mapped_file.h"

namespace llm {

class GraphFile {
 public:
  // What is not there, or damaged, or of another layout is not whole(). `path` is UTF-8.
  GraphFile(const std::string& path, const Threads& threads);
  bool whole() const { return whole_; }

  // Valid as long as this is.
  std::string_view exported() const { return {text(), exported_}; }
  std::string_view rest() const { return {text() + exported_, rest_}; }

 private:
  const char* text() const { return reinterpret_cast<const char*>(file_.data()); }

  MappedFile file_;
  size_t exported_ = 0;
  size_t rest_ = 0;
  bool whole_ = false;
};

// Writes beside it, and only what is complete takes its place. Returns why it could not, or "".
std::string write_graph_file(const std::string& path, const std::function<void(std::ostream&)>& write_export,
                             const std::string& rest, const Threads& threads);

}  // namespace llm
