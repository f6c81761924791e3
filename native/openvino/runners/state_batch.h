// Sequences that share one infer request and its state, a row of the batch each.
#pragma once
#include <openvino/openvino.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/runner.h"
#include "openvino/model/model.h"
#include "openvino/runners/step_request.h"

namespace llm {

// What all batches of a runner compute with.
//
// OpenVINO 2026.4.1's GPU plugin breaks states in three ways, so they are `safe_states` on the CPU only. A state that
// is set where there is none does not count: the next inference throws, and ruins the states of other requests. When a
// batch of two sequences becomes one of one, its concatenation of keys writes beyond their memory, which crashes an
// emulated device. And what a failed step leaves in the compiled graph, which all requests share, joins the states of
// later ones: keys of 21 tokens met values of one, or the process crashed. So elsewhere no state is set, no batch has a
// second row, and after a failed step the model is compiled anew.
struct StatefulGraph {
  ov::CompiledModel compiled;
  DecoderModel decoder;          // without its model: that was released after compilation
  bool chooses_rope = false;     // the graph has kRopeInput
  bool takes_one_token = false;  // behind a state; see RunnerInfo.continued_tokens
  bool safe_states = true;
};

// The shorter sequences are padded: the tokens of all end in the last column of the state, and attention_mask hides
// what is before them. So distances between tokens are those of columns.
class StateBatch {
 public:
  struct Row {
    std::vector<Token> held;          // the tokens that are in the state
    std::optional<SequenceId> owner;  // whose row it is; when nobody's, it may serve a later prompt until the next step
    size_t source = 0;                // which row of the state it is
  };
  // A row of any batch.
  using Place = std::pair<StateBatch*, size_t>;

  StateBatch(const StatefulGraph& graph, Rope rope) : graph_(graph), request_(graph.compiled), rope_(rope) {}

  const std::vector<Row>& rows() const { return rows_; }
  Row& row(size_t index) { return rows_[index]; }
  std::optional<size_t> find(SequenceId owner) const;
  size_t owned() const;
  bool idle() const { return owned() == 0; }
  Rope rope() const { return rope_; }
  // Columns of the state: the tokens of the longest sequence that was in it.
  size_t columns() const { return columns_; }
  // Whether its state holds this row alone, without padding.
  bool is_alone() const { return rows_.size() == 1 && state_rows_ <= 1 && rows_[0].held.size() == columns_; }
  StepRequest& request() { return request_; }

  // Empties it; its state's memory stays.
  void forget(Rope rope);
  // A first row, without tokens, of an empty batch.
  void begin(SequenceId owner);
  // Another row with the same tokens; the state is not copied.
  void fork(size_t row, SequenceId child);
  void remove(size_t row) { rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(row)); }
  // Gets copies of these rows, its own among them or not, and has no others.
  void take(std::span<const Place> places);

  // Begins a step: several tokens of one sequence, or one of each. All others leave the batch.
  void start(std::span<const Span> spans);
  // Ends it. The rows of several sequences are one of each, whether they were wanted or not.
  Rows wait();

 private:
  void start_piece();
  bool is_prompt() const;
  Rows wait_for_piece();
  void collect(const Rows& rows);
  void set_inputs(size_t count, size_t rows);
  void set(const char* name, std::vector<int64_t>& values, ov::Shape shape);

  const StatefulGraph& graph_;
  StepRequest request_;
  Rope rope_;
  std::vector<Row> rows_;
  size_t state_rows_ = 0;  // 0 = nothing is in the state
  size_t columns_ = 0;

  Span left_;                     // of a step with one sequence, what its next inference begins with
  std::vector<Token> tokens_;     // of a step with several, one of each
  std::vector<float> collected_;  // rows of a step that takes several inferences
  size_t wanted_ = 0;             // rows of the inference

  // What the input tensors point to.
  std::vector<int64_t> ids_, mask_, positions_, indices_;
  std::vector<int32_t> beams_;
  int64_t rope_length_ = 0;
};

}  // namespace llm
