// What a graph lacks for a text decoder is named.
#include "openvino/model/decoder_interface.h"

#include <openvino/op/ops.hpp>
#include <openvino/op/util/variable.hpp>
#include <string>
#include <vector>

#include "engine/failure.h"
#include "tap.h"

namespace {

struct Port {
  std::string name;
  ov::element::Type type;
  ov::PartialShape shape;
};

const std::vector<Port> kInputs = {{"input_ids", ov::element::i64, {-1, -1}},
                                   {"attention_mask", ov::element::i64, {-1, -1}},
                                   {"position_ids", ov::element::i64, {-1, -1}},
                                   {"beam_idx", ov::element::i32, {-1}}};
const std::vector<Port> kLogits = {{"logits", ov::element::f32, {-1, -1, 8}}};

std::vector<Port> with(std::vector<Port> ports, const Port& more) {
  ports.push_back(more);
  return ports;
}

// A graph with these inputs and outputs, which computes nothing.
std::string refusal(const std::vector<Port>& inputs, const std::vector<Port>& outputs, bool state = true) {
  ov::ParameterVector parameters;
  for (const auto& [name, type, shape] : inputs) {
    parameters.push_back(std::make_shared<ov::op::v0::Parameter>(type, shape));
    parameters.back()->output(0).set_names({name});
  }
  ov::ResultVector results;
  for (const auto& [name, type, shape] : outputs) {
    const auto source = std::make_shared<ov::op::v0::Parameter>(type, shape);
    source->output(0).set_names({"out_" + name});
    const auto target = std::make_shared<ov::op::v0::Convert>(source, type);
    target->output(0).set_names({name});
    results.push_back(std::make_shared<ov::op::v0::Result>(target));
  }
  ov::SinkVector sinks;
  ov::op::util::VariableVector variables;
  if (state) {
    const ov::op::util::VariableInfo info{ov::PartialShape{-1, 2, -1, 4}, ov::element::f32, "key"};
    variables.push_back(std::make_shared<ov::op::util::Variable>(info));
    const auto read = std::make_shared<ov::op::v6::ReadValue>(variables.back());
    sinks.push_back(std::make_shared<ov::op::v6::Assign>(read, variables.back()));
  }
  // The outputs' sources are inputs that model.inputs() would show: constants' stand-ins.
  for (const auto& result : results) {
    const auto source = result->get_input_node_shared_ptr(0);
    const ov::Shape shape = source->get_output_partial_shape(0).get_min_shape();
    ov::Shape filled = shape;
    for (auto& dimension : filled) dimension = std::max<size_t>(1, dimension);
    const auto type = source->get_output_element_type(0);
    source->input(0).replace_source_output(ov::op::v0::Constant::create(type, filled, {0}));
  }
  const ov::Model model(results, sinks, parameters, variables);
  try {
    llm::decoder_inputs(model);
    return "";
  } catch (const llm::Failure& failure) {
    CHECK_EQUAL(failure.code(), llm::ERR_UNSUPPORTED_MODEL);
    return failure.what();
  }
}

void check_named(const std::string& words, const std::vector<std::string>& parts) {
  for (const auto& part : parts) {
    if (words.find(part) == std::string::npos) throw tap::Mismatch("\"" + part + "\" is not in: " + words);
  }
}

const std::string kExpected =
    "expected the inputs input_ids i64 [?,?], attention_mask i64 [?,?], position_ids i64 [?,?], beam_idx i32 [?], "
    "cache_position i64 [?], found ";

TEST("decoder: what the runners set is accepted, and noted") {
  CHECK_EQUAL(refusal(kInputs, kLogits), "");
  CHECK_EQUAL(refusal({kInputs[0]}, kLogits), "");
  CHECK_EQUAL(refusal(kInputs, with(kLogits, {"hidden", ov::element::f32, {-1, -1, 4}})), "");
}

TEST("decoder: unknown inputs, types and ranks are named with what was expected") {
  check_named(refusal(with(kInputs, {"threshold", ov::element::f32, {}}), kLogits),
              {kExpected, "threshold f32 []", "beam_idx i32 [?]"});
  check_named(refusal({{"input_ids", ov::element::i32, {-1, -1}}}, kLogits), {kExpected + "input_ids i32 [?,?]"});
  check_named(refusal({{"input_ids", ov::element::i64, {-1}}}, kLogits), {kExpected + "input_ids i64 [?]"});
  check_named(refusal({kInputs[1]}, kLogits), {kExpected + "attention_mask i64 [?,?]"});
}

TEST("decoder: what is known of an input says what to do") {
  const auto words = [](const std::string& name, const ov::PartialShape& shape) {
    return refusal(with(kInputs, {name, ov::element::f32, shape}), kLogits);
  };
  check_named(words("past_key_values.0.key", {-1, 2, -1, 4}),
              {"past_key_values.0.key f32 [?,2,?,4]", "without --disable-stateful"});
  check_named(words("inputs_embeds", {-1, -1, 8}), {"inputs_embeds f32", "takes embeddings for tokens"});
  check_named(words("encoder_hidden_states", {-1, -1, 8}), {"encoder_hidden_states f32", "encoder-decoder"});
  check_named(words("pixel_values", {-1, 3, 8, 8}), {"pixel_values f32", "images"});
}

TEST("decoder: many inputs are counted, not all named") {
  auto inputs = kInputs;
  for (int i = 0; i < 40; ++i) {
    inputs.push_back({"past_key_values." + std::to_string(i) + ".key", ov::element::f32, {-1, 2, -1, 4}});
  }
  check_named(refusal(inputs, kLogits), {"past_key_values.7.key", " and 32 more", "--disable-stateful"});
}

TEST("decoder: logits that are missing, twice there or of another form are named") {
  const std::string expected = "expected one output logits f32 [?,?,vocabulary], found ";
  const Port hidden = {"last_hidden_state", ov::element::f32, {-1, -1, 8}};
  check_named(refusal(kInputs, {hidden}), {expected + "last_hidden_state f32"});
  check_named(refusal(kInputs, {{"logits", ov::element::f16, {-1, -1, 8}}}), {expected + "logits f16"});
  check_named(refusal(kInputs, {{"logits", ov::element::f32, {8}}}), {expected + "logits f32"});
}

TEST("decoder: a graph without states says what to do") {
  check_named(refusal(kInputs, kLogits, false), {"expected states", "found none", "text-generation-with-past"});
}

}  // namespace
