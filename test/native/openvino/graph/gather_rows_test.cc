// Rows of logits are gathered where that is right, and the graph stays as it is where it is not.
#include "openvino/graph/gather_rows.h"

#include <cmath>

#include "openvino/tiny_decoder.h"
#include "tap.h"

namespace {

using llm::gather_rows;
using Value = ov::Output<ov::Node>;

// Puts `change` of the head's input in its place.
void before_head(ov::Model& model, const std::function<Value(const Value& hidden)>& change) {
  const auto head = head_of(model);
  head->input(0).replace_source_output(change(head->input_value(0)));
}

void after_head(ov::Model& model, const std::function<Value(const Value& logits)>& change) {
  const auto result = model.output("logits").get_node_shared_ptr();
  const auto logits = result->input_value(0);
  const auto names = result->output(0).get_names();
  const auto changed = change(logits);
  logits.get_tensor().set_names({});
  result->input(0).replace_source_output(changed);
  result->output(0).set_names(names);
}

Value flat(const Value& hidden) {
  return std::make_shared<ov::op::v1::Reshape>(hidden, integers({-1, hidden.get_partial_shape()[2].get_length()}),
                                               false);
}

Value add(const Value& left, const Value& right) { return std::make_shared<ov::op::v1::Add>(left, right); }

// As a graph from GGUF reads rows: [tokens, width] by a column of indices, and back to [1, rows, width].
Value by_column(const Value& hidden, const Value& index) {
  const auto column = std::make_shared<ov::op::v1::Reshape>(index, integers({-1, 1}), false);
  const auto rows = std::make_shared<ov::op::v8::Gather>(flat(hidden), column, integers({0}));
  return std::make_shared<ov::op::v1::Reshape>(rows, integers({1, -1, hidden.get_partial_shape()[2].get_length()}),
                                               false);
}

// The number of the last token, [1].
Value last_token(ov::Model& model) {
  const auto shape = std::make_shared<ov::op::v3::ShapeOf>(model.input("input_ids"));
  const auto tokens = std::make_shared<ov::op::v8::Gather>(shape, integers({1}), integers({0}));
  return std::make_shared<ov::op::v1::Subtract>(tokens, integers({1}));
}

// The rows 2 and 5 of 9, as the unchanged graph computes them and as the gathering one does.
void check_rows(const std::function<void(ov::Model&)>& craft) {
  const auto whole = tiny_llama();
  craft(*whole);
  whole->validate_nodes_and_infer_types();
  const auto gathering = whole->clone();
  CHECK(gather_rows(*gathering).gathers);
  const auto all = logits_of(whole, 9, {});
  const auto some = logits_of(gathering, 9, {2, 5});
  const size_t width = all.size() / 9;
  CHECK_EQUAL(some.size(), 2 * width);
  for (size_t i = 0; i < some.size(); ++i) {
    const float expected = all[(i < width ? 2 : 5) * width + i % width];
    if (std::abs(some[i] - expected) > 1e-4F) throw tap::Mismatch("a row differs");
  }
}

void unchanged(ov::Model&) {}

TEST("rows: an export is gathered before its head") {
  const auto model = tiny_llama();
  const auto found = gather_rows(*model);
  CHECK(found.gathers);
  CHECK_EQUAL(found.lost, "");
  CHECK(ov::is_type<ov::op::v8::Gather>(head_of(*model)->get_input_node_ptr(0)));
  check_rows(unchanged);
}

TEST("rows: an index that a graph computes from values is no last-row pick") {
  const auto craft = [](ov::Model& model) {
    before_head(model, [&](const Value& hidden) { return by_column(hidden, model.input("position_ids")); });
  };
  check_rows(craft);
}

TEST("rows: a pick past which other tokens reach the head is none") {
  const auto craft = [](ov::Model& model) {
    before_head(model, [&](const Value& hidden) { return add(hidden, by_column(hidden, last_token(model))); });
  };
  check_rows(craft);
}

TEST("rows: the last row that a graph from GGUF picks becomes the wanted ones") {
  const auto picking = tiny_llama();
  before_head(*picking, [&](const Value& hidden) { return by_column(hidden, last_token(*picking)); });
  picking->validate_nodes_and_infer_types();
  CHECK_EQUAL(gather_rows(*picking).lost, "");
  const auto all = logits_of(tiny_llama(), 9, {});
  const auto some = logits_of(picking, 9, {2, 5});
  const size_t width = all.size() / 9;
  CHECK_EQUAL(some.size(), 2 * width);
  for (size_t i = 0; i < width; ++i) CHECK(std::abs(some[i] - all[2 * width + i]) < 1e-4F);
}

TEST("rows: logits that come from no product with weights are gathered themselves, which is said") {
  const auto craft = [](ov::Model& model) {
    after_head(model, [&](const Value& logits) {
      const auto other = std::make_shared<ov::op::v0::Tanh>(head_of(model)->input_value(0));
      const auto mean = std::make_shared<ov::op::v1::ReduceMean>(other, integers({2}), true);
      return add(logits, mean);
    });
  };
  const auto model = tiny_llama();
  craft(*model);
  model->validate_nodes_and_infer_types();
  const auto found = gather_rows(*model);
  CHECK(found.gathers);
  CHECK(found.lost.find("its logits come from no product") == 0);
  check_rows(craft);
}

TEST("rows: a graph that cuts its last row out in a way of its own stays as it is") {
  const auto model = tiny_llama();
  before_head(*model, [](const Value& hidden) {
    return std::make_shared<ov::op::v8::Slice>(hidden, integers({-1}), integers({1 << 30}), integers({1}),
                                               integers({1}));
  });
  model->validate_nodes_and_infer_types();
  const auto found = gather_rows(*model);
  CHECK(!found.gathers);
  CHECK(found.lost.find("cannot be computed for chosen tokens") != std::string::npos);
  CHECK_EQUAL(model->inputs().size(), size_t{4});
  CHECK_EQUAL(logits_of(model, 9, {}).size(), logits_of(tiny_llama(), 1, {}).size());
}

}  // namespace
