// The weights that one load has mapped, so that their pages can leave memory when kernels have them in their own form.
#pragma once
#include <memory>
#include <openvino/op/constant.hpp>
#include <openvino/openvino.hpp>
#include <vector>

#include "openvino/model/file_pages.h"

namespace llm {

// OpenVINO's kernels read the weights during the first step, not while the model is compiled. Their pages of the file
// must go after that step, or they stay for good (a model of Phi-3-mini's shape: 4.3 GB instead of 2.4).
class MappedConstants {
 public:
  MappedConstants() = default;

  // The constants of a model that was just read which lie in a mapped file. They are kept until give_back(), so the
  // addresses stay theirs.
  explicit MappedConstants(const ov::Model& model);

  // Constants that lie somewhere in `range`, which is of a mapped file and outlives this.
  explicit MappedConstants(ByteRange range) : ranges_{range} {}

  // Throws their pages away and keeps them no longer. Nobody else's pages go, even of the same file. What loading has
  // freed leaves the process, too.
  void give_back() noexcept;

 private:
  std::vector<std::shared_ptr<ov::op::v0::Constant>> constants_;  // in order of their addresses
  std::vector<ByteRange> ranges_;
};

}  // namespace llm
