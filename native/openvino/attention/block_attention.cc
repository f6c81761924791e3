#include "openvino/attention/block_attention.h"

#include "openvino/kernels/tbb_threads.h"

namespace llm {
namespace {

enum Input : size_t { kQueries, kKeys, kValues, kTensors };
enum Tensor : size_t { kKeyCache, kValueCache, kPast, kBegins, kTable, kTableBegins };

std::span<const int32_t> numbers(const ov::Tensor& tensor) { return {tensor.data<const int32_t>(), tensor.get_size()}; }

uint8_t* bytes(const ov::Tensor& tensor) { return static_cast<uint8_t*>(const_cast<void*>(tensor.data())); }

}  // namespace

BlockAttention::BlockAttention(const ov::OutputVector& inputs, std::shared_ptr<const SharedAttention> attention)
    : Op(inputs), attention_(std::move(attention)), id_(attention_->id) {
  constructor_validate_and_infer_types();
}

void BlockAttention::validate_and_infer_types() {
  auto shape = get_input_partial_shape(kQueries);
  const auto& of = attention_->shape;
  if (shape.rank().is_static()) shape[shape.size() - 1] = static_cast<int64_t>(of.heads * of.value_width);
  set_output_type(0, ov::element::f32, shape);
}

std::shared_ptr<ov::Node> BlockAttention::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<BlockAttention>(inputs, attention_);
}

bool BlockAttention::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("id", id_);
  return true;
}

bool BlockAttention::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  attend(*attention_, inputs[kQueries].data<const float>(), inputs[kKeys].data<const float>(),
         inputs[kValues].data<const float>(), inputs[kQueries].get_shape()[0], std::span(inputs).subspan(kTensors),
         outputs[0].data<float>(), TbbThreads());
  return true;
}

void attend(const SharedAttention& attention, const float* queries, const float* keys, const float* values,
            size_t tokens, std::span<const ov::Tensor> tensors, float* out, const Threads& threads) {
  const AttentionStep step{queries,
                           keys,
                           values,
                           tokens,
                           bytes(tensors[kKeyCache]),
                           bytes(tensors[kValueCache]),
                           tensors[kKeyCache].get_shape()[0],
                           numbers(tensors[kPast]),
                           numbers(tensors[kBegins]),
                           numbers(tensors[kTable]),
                           numbers(tensors[kTableBegins]),
                           out};
  attend(*attention.kernel, attention.shape, step, threads);
}

}  // namespace llm
