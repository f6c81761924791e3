// Everything that an engine or a job reports; mirrors EngineEvent and JobEvent in lib/engine/boundary.ts.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "engine/types.h"
#include "generated/error_code.h"

namespace llm {

// What can be learned from a model without compiling it.
struct GraphInfo {
  int64_t vocabulary_size = 0;            // rows of the embedding table
  int64_t long_rope_border = 0;           // longest sequence of the short LongRoPE factors, 0 = the graph has one set
  std::map<std::string, double> weights;  // bytes of constants by element type
  std::map<std::string, std::string> rt_info;
};

// The blocks of a KV cache, now and since it was made. A runner without blocks has none.
struct KvUse {
  size_t blocks = 0;        // of the whole pool
  size_t block_tokens = 0;  // tokens of a block
  size_t used = 0;          // held by sequences
  size_t cached = 0;        // held by none, but with contents for a later prompt; the rest is free
  size_t evictions = 0;     // cached blocks that were taken for something else
};

// Which kernel multiplies with the weights of one scheme; see NativeKernelChoice in lib/engine/boundary.ts.
struct KernelChoice {
  std::string scheme;  // "" for layers that no built-in kernel takes
  std::string size;    // of layers that a measurement holds for; "" where nothing is measured
  int64_t layers = 0;
  std::string kernel;
  std::vector<double> ratios;
  double spread = 0;
  bool in_doubt = false;
  std::string reason;
};

// What computes the attention of so many layers; see NativeAttentionChoice in lib/engine/boundary.ts.
struct AttentionChoice {
  std::string kernel;
  int64_t layers = 0;
  std::string reason;
};

// What a graph tells of the memory that its model will take; see NativeInspection in lib/engine/boundary.ts.
struct Inspection {
  GraphInfo model;
  int64_t kv_values_per_token = 0;
  int64_t layers = 0;
  int64_t matmul_width = 0;
  int64_t packed_bytes = 0;
  std::string inference_precision;
};

// Where the packed weights of the built-in kernels lie; see ReadyInfo.packed in lib/engine/boundary.ts.
struct PackedInfo {
  double bytes = 0;
  std::string file;
  bool reused = false;
};

struct RunnerInfo {
  GraphInfo model;
  std::string runner;
  std::string reason;
  std::vector<std::string> devices;
  std::map<std::string, std::string> properties;
  size_t max_sequences = 1;
  std::string batching = "all";  // see ReadyInfo.batching in lib/engine/boundary.ts
  std::string batching_reason;
  // A step is slower the more tokens are in the cache, whatever it computes: the stateful runner takes 3 s for 2,000
  // tokens in one step, 20 s in steps of 512.
  bool wants_long_steps = false;
  // Tokens that a step computes of a sequence that has computed some; 0 = any number. Some states take one at a time.
  size_t continued_tokens = 0;
  bool can_trim = false;        // take computed tokens back: what draft verification needs
  bool can_fork = false;        // go on from one sequence as several: answers of one prompt
  std::set<int64_t> windows;    // tokens that layers with a sliding window see, of the paged runner
  std::string rope;             // see ReadyInfo.ropeRegime in lib/engine/boundary.ts
  size_t long_rope_border = 0;  // see RopeBorder: 0 unless the runner changes between the factors
  size_t kv_tokens = 0;         // tokens that all sequences together can hold; 0 = each has its own, unbounded
  double kv_bytes = 0;          // memory of those
  size_t kv_block_tokens = 0;
  std::vector<KernelChoice> kernels;
  std::vector<AttentionChoice> attention;
  PackedInfo packed;
  std::string kv_precision;  // of the paged cache's tensors; "" when only the properties tell
  size_t max_prompt = 0;     // longest prompt that the model was compiled for; 0 = no such bound
  size_t logit_rows = 1;     // most rows of logits that a step shall give for tokens of prompts
  double read_ms = 0;
  double pack_ms = 0;
  double compile_ms = 0;
};

struct DeviceInfo {
  std::string name;
  std::string full_name;
  std::map<std::string, std::string> properties;
  std::string error;
};

// Milliseconds on the engine's thread; see NativeTimings in lib/engine/boundary.ts.
struct Timings {
  double queued = 0;
  double prefill = 0;
  double decode = 0;
  double reprefill = 0;
  int64_t cached_tokens = 0;
  int64_t draft_tokens = 0;
  int64_t accepted_tokens = 0;
};

// What takes time: of a load kRead to kWarmup, of jobs also the others.
enum class Stage { kRead, kMeasure, kPack, kCompile, kWarmup, kConvert, kCompare };
inline constexpr std::array kStages{"read", "measure", "pack", "compile", "warmup", "convert", "compare"};
constexpr const auto& names_of(Stage) { return kStages; }
constexpr const char* name_of(Stage stage) { return kStages.at(static_cast<size_t>(stage)); }

struct Progress {
  Stage stage = Stage::kRead;
  int64_t done = 0;
  int64_t total = 0;
};
struct Warning {
  std::string code;
  std::string message;
};
struct Ready {
  RunnerInfo info;
  double warmup_ms = 0;
};
// Tokens of one sequence, in place: an event of a step allocates nothing.
class TokenList {
 public:
  static constexpr size_t kMost = 65;  // the token of a step and the most drafts before it
  void push_back(Token token) { tokens_.at(count_++) = token; }
  // False, and nothing is taken, when not all of them fit.
  bool append(const TokenList& more) {
    if (count_ + more.count_ > kMost) return false;
    std::copy(more.begin(), more.end(), tokens_.begin() + count_);
    count_ += more.count_;
    return true;
  }
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  const Token* begin() const { return tokens_.data(); }
  const Token* end() const { return tokens_.data() + count_; }

 private:
  std::array<Token, kMost> tokens_;  // what lies behind the first `count_` was never set
  uint32_t count_ = 0;
};
// The runner was opened again, with other properties.
struct Reopened {
  RunnerInfo info;
};
struct Tokens {
  SequenceId id = 0;
  TokenList tokens;
};
// Log-probabilities of tokens of a prompt, or of those of the next Tokens or BeamAnswer event of the sequence.
struct Logprobs {
  SequenceId id = 0;
  bool of_prompt = false;
  std::vector<double> values;  // one a token
  // Of each token's place the likeliest tokens, as many as were asked for; -1 where there are no more.
  std::vector<Token> top_tokens;
  std::vector<double> top_values;
};
// An answer of a beam search, whole.
struct BeamAnswer {
  SequenceId id = 0;
  std::vector<Token> tokens;
  double score = 0;  // the sum of the tokens' processed log-probabilities over their number ^ lengthPenalty
};
// A sequence has grown beyond the border of its position factors and is computed again.
struct Reprefill {
  SequenceId id = 0;
  int64_t done = 0;
  int64_t total = 0;
};
struct Finished {
  SequenceId id = 0;
  FinishReason reason = FinishReason::kStop;
  Timings timings;
};
struct Failed {
  SequenceId id = 0;  // 0 is the job, or the engine: it did not load, or is dead (see failure_policy.h)
  ErrorCode code = ERR_ENGINE;
  std::string message;
};
// What comparing two ways to compute a model found; see NativeComparison in lib/engine/boundary.ts.
struct ComparisonResult {
  int64_t positions = 0;
  int64_t agreeing = 0;
  int64_t near_ties = 0;
  double max_difference = 0;
  double deviation = 0;
  double divergence = 0;
  double left_loss = 0;
  double right_loss = 0;
  std::vector<double> windows;  // see RunnerInfo, of either
};
struct Done {
  std::variant<GraphInfo, Inspection, std::vector<DeviceInfo>, ComparisonResult> result;
};
struct Closed {};

using Event = std::variant<Progress, Warning, Ready, Reopened, Tokens, BeamAnswer, Logprobs, Reprefill, Finished,
                           Failed, Done, Closed>;

// Takes events on any thread; never blocks and never throws.
using EventSink = std::function<void(Event)>;

}  // namespace llm
