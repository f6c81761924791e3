#include "openvino/model/mapped_constants.h"

#include <algorithm>

namespace llm {
namespace {

ByteRange range_of(const ov::op::v0::Constant& constant) {
  return {static_cast<const uint8_t*>(constant.get_data_ptr()), constant.get_byte_size()};
}

// Of two constants that follow each other; the exporter may align them.
constexpr ptrdiff_t kMostPadding = 64;

}  // namespace

MappedConstants::MappedConstants(const ov::Model& model) {
  const FilePages files;
  for (const auto& op : model.get_ops()) {
    auto constant = ov::as_type_ptr<ov::op::v0::Constant>(op);
    if (constant && files.hold(range_of(*constant))) constants_.push_back(std::move(constant));
  }
  std::sort(constants_.begin(), constants_.end(),
            [](const auto& a, const auto& b) { return range_of(*a).data < range_of(*b).data; });
}

void MappedConstants::give_back() noexcept try {
  give_back_free_memory();
  const FilePages files;
  for (const auto& range : ranges_) files.give_back(range);
  ranges_.clear();
  // Neighbours as one range: they share pages.
  ByteRange range{nullptr, 0};
  for (const auto& constant : constants_) {
    const auto next = range_of(*constant);
    const auto* end = range.data + range.bytes;
    if (range.data && next.data <= end + kMostPadding) {
      range.bytes = static_cast<size_t>(std::max(end, next.data + next.bytes) - range.data);
      continue;
    }
    files.give_back(range);
    range = next;
  }
  files.give_back(range);
  constants_.clear();
} catch (const std::exception&) {
  // They stay in memory.
}

}  // namespace llm
