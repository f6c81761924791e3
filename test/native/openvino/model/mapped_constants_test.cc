// The weights that one load has mapped leave memory; whoever else has mapped the same file keeps its pages.
#include "openvino/model/mapped_constants.h"

#include <openvino/op/ops.hpp>

#include "openvino/core.h"
#include "openvino/model/mapped_file.h"
#include "tap.h"

#ifdef __linux__
namespace {

constexpr size_t kBytes = kMappedBytes;

// An IR whose weights are sevens.
std::string save_model(const TemporaryFolder& folder) {
  const ov::Shape shape{2, kBytes / 2};
  const auto input = std::make_shared<ov::op::v0::Parameter>(ov::element::u8, shape);
  ov::NodeVector sums{input};
  for (size_t row = 0; row < 2; ++row) {
    const auto weights = std::make_shared<ov::op::v0::Constant>(ov::element::u8, ov::Shape{1, kBytes / 2},
                                                                std::vector<uint8_t>(kBytes / 2, 7));
    // Constants that are alike would be stored once.
    const_cast<uint8_t*>(weights->get_data_ptr<uint8_t>())[0] = static_cast<uint8_t>(row);
    sums.push_back(std::make_shared<ov::op::v1::Add>(sums.back(), weights));
  }
  const auto path = folder / "openvino_model.xml";
  ov::serialize(std::make_shared<ov::Model>(ov::OutputVector{sums.back()->output(0)}, ov::ParameterVector{input}),
                path);
  return path.string();
}

size_t sum(const std::vector<std::shared_ptr<ov::op::v0::Constant>>& constants) {
  size_t sum = 0;
  for (const auto& constant : constants) {
    const auto* data = constant->get_data_ptr<uint8_t>();
    for (size_t i = 0; i < constant->get_byte_size(); ++i) sum += data[i];
  }
  return sum;
}

std::vector<std::shared_ptr<ov::op::v0::Constant>> constants_of(const ov::Model& model) {
  std::vector<std::shared_ptr<ov::op::v0::Constant>> found;
  for (const auto& op : model.get_ops()) {
    if (auto constant = ov::as_type_ptr<ov::op::v0::Constant>(op)) found.push_back(std::move(constant));
  }
  return found;
}

TEST("mapped constants: they leave memory and come again; another mapping of their file keeps what was written to it") {
  const TemporaryFolder folder("mapped-constants");
  const auto xml = save_model(folder);
  PrivateMapping other((folder / "openvino_model.bin").string(), PROT_READ | PROT_WRITE);
  other.data()[kBytes / 2] = 200;
  other.make_read_only();
  const PrivateMapping reader((folder / "openvino_model.bin").string(), PROT_READ);
  const size_t others = other.sum();
  const size_t readers = reader.sum();

  const auto model = llm::core().read_model(xml);
  const auto constants = constants_of(*model);
  const size_t expected = sum(constants);
  const void* mapped = constants.front()->get_data_ptr();
  CHECK(resident_at(mapped) >= static_cast<long>(kBytes));
  llm::MappedConstants mine(*model);
  mine.give_back();
  // But for the pages at both ends.
  CHECK(resident_at(mapped) <= 16 * 1024);
  CHECK_EQUAL(sum(constants), expected);

  CHECK_EQUAL(reader.resident(), static_cast<long>(kBytes));
  CHECK_EQUAL(reader.sum(), readers);
  CHECK_EQUAL(other.data()[kBytes / 2], uint8_t{200});
  CHECK_EQUAL(other.sum(), others);
}

TEST("mapped constants: those of a model in memory stay") {
  const auto model = std::make_shared<ov::Model>(
      ov::OutputVector{ov::op::v0::Constant::create(ov::element::u8, {kBytes}, std::vector<uint8_t>(kBytes, 9))},
      ov::ParameterVector{});
  const auto constants = constants_of(*model);
  llm::MappedConstants mine(*model);
  mine.give_back();
  mine.give_back();
  CHECK_EQUAL(sum(constants), 9 * kBytes);
}

}  // namespace
#endif
