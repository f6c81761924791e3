// Memory of files that are mapped: what was read once and is not needed again can leave it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace llm {

class FilePages {
 public:
  // Looks at what is mapped now. Elsewhere than on Linux nothing is known, and nothing given back.
  FilePages();

  // Gives back the whole pages of this range, which come again from the file if they are read again. Leaves memory that
  // belongs to no file: giving that back would make it zero.
  void give_back(const uint8_t* data, size_t bytes) const;

  // The same for everything that is mapped of the weights beside this openvino_model.xml.
  static void give_back_weights(const std::string& model_path) noexcept;

 private:
  struct Range {
    uintptr_t begin;
    uintptr_t end;
    uint64_t inode;
  };
  std::vector<Range> files_;
};

}  // namespace llm
