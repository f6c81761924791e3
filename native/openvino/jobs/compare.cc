// How two ways to compute one model differ: two runners, kernels or precisions.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "openvino/core.h"
#include "openvino/runtime.h"

namespace llm {
namespace {

// Tokens of a step. Prompts are longer, so that what earlier steps left in the KV cache is read too.
constexpr size_t kChunk = 64;
constexpr size_t kMostChunk = 512;
constexpr size_t kMostSteps = 8;  // long prompts take larger steps: the stateful runner is slow in small ones
// In standard deviations of the logits. Another order of additions may swap two tokens that are nearer than this.
constexpr double kNearTie = 0.01;

using Prompt = std::vector<Token>;

// Ids from all over the vocabulary, always the same.
std::vector<Prompt> make_prompts(const std::vector<int32_t>& lengths, size_t vocabulary) {
  std::vector<Prompt> prompts;
  uint32_t state = 1;
  for (const int32_t length : lengths) {
    auto& prompt = prompts.emplace_back();
    for (int32_t i = 0; i < length; ++i) {
      state = state * 1664525U + 1013904223U;  // Numerical Recipes, 7.1
      prompt.push_back(static_cast<Token>((uint64_t{state} * vocabulary) >> 32));
    }
  }
  return prompts;
}

// Without DYNAMIC_QUANTIZATION_GROUP_SIZE=0, OpenVINO computes int4 layers with int8 activations where the CPU has
// VNNI, in f32 too. An answer then depends on its neighbours in the batch (SmolLM2: in 9 of 24 kinds of requests; in
// none with 0).
EngineConfig exact(const std::string& runner, const std::string& model_path, const DeviceFeatures& device,
                   size_t tokens, int32_t context_length) {
  EngineConfig config;
  config.runner = runner;
  config.model_path = model_path;
  config.device = device;
  config.properties = {"INFERENCE_PRECISION_HINT=f32", "KV_CACHE_PRECISION=f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE=0"};
  config.gather_rows = true;
  config.context_length = context_length;
  config.prefill_chunk = static_cast<int32_t>(kMostChunk);
  config.max_sequences = 1;
  config.kv_tokens = static_cast<double>(tokens);
  config.kv_bytes = std::numeric_limits<double>::infinity();
  config.cpu_kernel = config.cpu_attention = "openvino";  // it is the graphs that are compared
  return config;
}

size_t chunk_of(const Prompt& prompt) { return std::clamp(prompt.size() / kMostSteps, kChunk, kMostChunk); }

// Logarithm of the sum of the exponentials.
double log_sum(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

// Teacher-forced. Computes one way after the other, so that the model is in memory once.
class Comparison {
 public:
  // Makes the prompts for a vocabulary.
  using MakePrompts = std::function<std::vector<Prompt>(size_t vocabulary)>;

  Comparison(const EngineConfig& left, const EngineConfig& right, MakePrompts make_prompts, size_t tokens,
             size_t most_bytes, const std::atomic<bool>& cancelled, const EventSink& post)
      : left_(left),
        right_(right),
        make_prompts_(std::move(make_prompts)),
        tokens_(tokens),
        most_bytes_(most_bytes),
        cancelled_(cancelled),
        post_(post) {}

  // Calls `in_left` with a failure of the left one; it may throw another.
  ComparisonResult run(const std::function<void(const Failure&)>& in_left) {
    try {
      each_row(left_, 0,
               [this](std::span<const float> row, Token) { kept_.insert(kept_.end(), row.begin(), row.end()); });
    } catch (const Failure& failure) {
      in_left(failure);
      throw;
    }
    each_row(right_, 1, [this](std::span<const float> row, Token next) { compare(row, next); });
    const double count = static_cast<double>(kept_.size());
    const double mean = sum_ / count;
    result_.deviation = std::sqrt(std::max(0.0, squares_ / count - mean * mean));
    const auto near = [this](float gap) { return gap < kNearTie * result_.deviation; };
    result_.near_ties = std::count_if(gaps_.begin(), gaps_.end(), near);
    result_.windows.assign(windows_.begin(), windows_.end());
    result_.divergence /= static_cast<double>(std::max<int64_t>(1, result_.positions));
    result_.left_loss /= static_cast<double>(std::max<int64_t>(1, predictions_));
    result_.right_loss /= static_cast<double>(std::max<int64_t>(1, predictions_));
    return result_;
  }

 private:
  // take(logits, the token that follows in the prompt or -1).
  template <class Take>
  void each_row(const EngineConfig& config, int64_t nth, Take take) {
    stop_if_cancelled();
    const auto runner = open_runner(config, [&](Event event) {
      const auto* progress = std::get_if<Progress>(&event);
      if (progress) post_(Progress{progress->stage, nth + progress->done / std::max<int64_t>(1, progress->total), 2});
    });
    const RopeBorder border(runner->info().long_rope_border);
    for (const int64_t window : runner->info().windows) windows_.insert(static_cast<double>(window));
    SequenceId id = 0;
    size_t position = 0;  // of all prompts' tokens
    for (const auto& prompt : make_prompts_(static_cast<size_t>(runner->info().model.vocabulary_size))) {
      if (!runner->admit(++id, border.of(prompt.size()), prompt, prompt.size(), 0)) {
        throw Failure(ERR_ENGINE, "a runner took no prompt");
      }
      const size_t chunk = chunk_of(prompt);
      for (size_t begin = 0; begin < prompt.size(); begin += chunk) {
        stop_if_cancelled();
        post_(Progress{Stage::kCompare, static_cast<int64_t>(static_cast<size_t>(nth) * tokens_ + position),
                       static_cast<int64_t>(2 * tokens_)});
        const auto tokens = std::span<const Token>(prompt).subspan(begin, std::min(chunk, prompt.size() - begin));
        const Span span{id, tokens, begin, tokens.size()};
        runner->start({&span, 1});
        const Rows rows = runner->wait();
        if (stride_ == 0) stride_ = 1 + tokens_ * rows.width * sizeof(float) / most_bytes_;
        for (size_t row = 0; row < rows.count; ++row, ++position) {
          const size_t next = begin + row + 1;
          if (position % stride_ == 0) take(rows.row(row), next < prompt.size() ? prompt[next] : -1);
        }
      }
      runner->drop(id);
      runner->reset();  // a prompt that begins like another shall be computed nevertheless
    }
  }

  void compare(std::span<const float> right, Token next) {
    const size_t begin = static_cast<size_t>(result_.positions) * right.size();
    if (begin + right.size() > kept_.size()) throw Failure(ERR_ENGINE, "the two have different numbers of logits");
    const auto left = std::span<const float>(kept_).subspan(begin, right.size());
    const double left_sum = log_sum(left);
    const double right_sum = log_sum(right);
    for (size_t i = 0; i < right.size(); ++i) {
      const double difference = std::abs(double{right[i]} - double{left[i]});
      // NaN counts as an infinite difference.
      result_.max_difference = std::max(
          result_.max_difference, std::isfinite(difference) ? difference : std::numeric_limits<double>::infinity());
      sum_ += right[i];
      squares_ += double{right[i]} * double{right[i]};
      const double logarithm = right[i] - right_sum;
      result_.divergence += std::exp(logarithm) * (logarithm - (left[i] - left_sum));
    }
    if (next >= 0 && static_cast<size_t>(next) < right.size()) {
      result_.left_loss += left_sum - left[static_cast<size_t>(next)];
      result_.right_loss += right_sum - right[static_cast<size_t>(next)];
      ++predictions_;
    }
    const auto best = std::max_element(right.begin(), right.end());
    const auto chosen = right.begin() + (std::max_element(left.begin(), left.end()) - left.begin());
    if (chosen == best) {
      ++result_.agreeing;
    } else {
      gaps_.push_back(*best - *chosen);
    }
    ++result_.positions;
  }

  void stop_if_cancelled() const {
    if (cancelled_) throw Interrupted();
  }

  const EngineConfig& left_;
  const EngineConfig& right_;
  const MakePrompts make_prompts_;
  const size_t tokens_;
  const size_t most_bytes_;  // of the left one's logits, which are kept until the right one has computed
  const std::atomic<bool>& cancelled_;
  const EventSink& post_;
  size_t stride_ = 0;  // one row of so many is compared
  std::set<double> windows_;
  std::vector<float> kept_;
  std::vector<float> gaps_;  // between the right one's most likely token and the left one's, where these differ
  int64_t predictions_ = 0;
  double sum_ = 0;
  double squares_ = 0;
  ComparisonResult result_;
};

}  // namespace

ComparisonResult check_model(const std::string& model_path, const DeviceFeatures& device, int32_t context_length,
                             const std::vector<int32_t>& lengths, const std::atomic<bool>& cancelled,
                             const EventSink& post) {
  size_t tokens = 0;
  for (const int32_t length : lengths) tokens += static_cast<size_t>(length);
  const auto paged = exact("paged", model_path, device, tokens + lengths.size() * kMostChunk, context_length);
  const auto stateful = exact("stateful", model_path, device, tokens, context_length);
  const auto make = [&](size_t vocabulary) { return make_prompts(lengths, vocabulary); };
  Comparison comparison(paged, stateful, make, tokens, size_t{256} << 20, cancelled, post);
  auto result = comparison.run([](const Failure& failure) {
    // The paged graph's own failure is a finding; the stateful one's is not, because that is the measure.
    if (failure.code() == ERR_ENGINE) throw Failure(ERR_UNSUPPORTED_MODEL, failure.what());
  });
  result.agreeing += result.near_ties;
  return result;
}

ComparisonResult compare_models(const EngineConfig& left, const EngineConfig& right, const std::vector<Token>& text,
                                const std::atomic<bool>& cancelled, const EventSink& post) {
  const auto whole = [&](size_t vocabulary) {
    const auto outside = [&](Token token) { return token < 0 || static_cast<size_t>(token) >= vocabulary; };
    if (std::any_of(text.begin(), text.end(), outside)) {
      throw Failure(ERR_TOKEN_ID, "a token of the text lies outside the vocabulary of " + std::to_string(vocabulary));
    }
    return std::vector<Prompt>{text};
  };
  return Comparison(left, right, whole, text.size(), size_t{2} << 30, cancelled, post).run([](const Failure&) {});
}

}  // namespace llm
