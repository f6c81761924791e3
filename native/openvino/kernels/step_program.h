// Several operations in one: products with packed weights and what stands between them, computed one after the other.
//
// OpenVINO spends some microseconds on each node of a graph at each token, which is more than a norm or a sum takes,
// and some on each product whose threads it wakes. Here a step costs what it computes. Values are f32 [rows, width];
// all of a program have the same rows.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/activation.h"
#include "kernels/row_norm.h"
#include "openvino/kernels/compressed_matmul.h"

namespace llm {

struct SharedAttention;

struct Step {
  enum class Kind : uint8_t {
    kProduct,  // of one value: as many as the weights have parts, or one where they are gated
    kNorm,
    kAdd,       // two values
    kAddRow,    // a value and the same row for each of its rows
    kTimes,     // two values
    kTimesRow,  // a value and the same row of factors
    kActivate,  // a value
    kColumns,   // of one value: those from `begin` on, as many as the outputs take
    kRotate,    // a value, cosines and sines, see rotate()
    kAttend,    // queries, keys and values, and `tensors`
  };
  Kind kind = Kind::kProduct;
  std::vector<size_t> inputs;  // values
  std::vector<size_t> outputs;
  std::string weights_id;                        // of a product
  std::shared_ptr<const SharedWeights> weights;  // with that id
  RowNorm norm;
  std::vector<float> row;
  Activation activation = Activation::kGelu;
  size_t begin = 0;
  size_t heads = 0;
  std::string attention_id;
  std::shared_ptr<const SharedAttention> attention;  // with that id
  std::vector<size_t> tensors;                       // of an attention: which of the program's, see BlockAttention
};

struct StepResult {
  size_t value = 0;
  bool like_input = false;  // it has the axes of the first input but for the last one; else it is [rows, width]
};

class StepProgram {
 public:
  // `widths` are those of all values, of which the first `inputs` come from outside; `results` are values that steps
  // make, in the order of the outputs. Steps stand in an order in which they can be computed.
  StepProgram(std::string id, size_t inputs, std::vector<size_t> widths, std::vector<StepResult> results,
              std::vector<Step> steps);

  const std::string& id() const { return id_; }
  size_t inputs() const { return inputs_; }
  size_t tensors() const { return tensors_; }  // what steps take as it is, beside the values
  const std::vector<size_t>& widths() const { return widths_; }
  const std::vector<StepResult>& results() const { return results_; }
  const std::vector<Step>& steps() const { return steps_; }

  // Throws std::bad_alloc. What lies between takes memory that the calling thread keeps, see Scratch.
  void run(size_t rows, std::span<const float* const> inputs, std::span<const ov::Tensor> tensors,
           std::span<float* const> results, const Threads& threads) const;

 private:
  std::string id_;
  size_t inputs_;
  size_t tensors_ = 0;
  std::vector<size_t> widths_;
  std::vector<StepResult> results_;
  std::vector<Step> steps_;
  std::vector<size_t> places_;  // of each value, in floats for each row; unused for inputs and results
  size_t row_floats_ = 0;       // that all places take, for each row
};

using StepPrograms = std::vector<std::shared_ptr<const StepProgram>>;

}  // namespace llm
