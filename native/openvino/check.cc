// Whether the paged graph of a model computes what the stateful one does.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core.h"
#include "runtime.h"

namespace llm {
namespace {

// Tokens of a step. Prompts are longer, so that what earlier steps left in the KV cache is read too.
constexpr size_t kChunk = 64;
// Of one runner's logits, which are kept until the other has computed its own.
constexpr size_t kMostBytes = size_t{256} << 20;
// Of the logits' deviation: two tokens nearer than this may change places with the order of additions.
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

EngineConfig exact(const std::string& runner, const std::string& model_path, const std::string& device, size_t tokens) {
  EngineConfig config;
  config.runner = runner;
  config.model_path = model_path;
  config.device = device;
  config.properties = {"INFERENCE_PRECISION_HINT=f32", "KV_CACHE_PRECISION=f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE=0"};
  config.gather_rows = true;
  config.prefill_chunk = static_cast<int32_t>(kChunk);
  config.max_sequences = 1;
  config.kv_tokens = static_cast<double>(tokens);
  config.kv_bytes = std::numeric_limits<double>::infinity();
  return config;
}

// One runner after the other, so that the model is in memory once.
class Comparison {
 public:
  Comparison(const std::string& model_path, const std::string& device, const std::vector<int32_t>& lengths,
             const std::atomic<bool>& cancelled, const EventSink& post)
      : model_path_(model_path), device_(device), lengths_(lengths), cancelled_(cancelled), post_(post) {
    for (const int32_t length : lengths) tokens_ += static_cast<size_t>(length);
  }

  CheckFacts run() {
    try {
      each_row("paged", [this](std::span<const float> row) { paged_.insert(paged_.end(), row.begin(), row.end()); });
    } catch (const Failure& failure) {
      // The paged graph's own failure is a finding; the stateful one's is not, because that is the measure.
      if (failure.code() == "ERR_ENGINE") throw Failure("ERR_UNSUPPORTED_MODEL", failure.what());
      throw;
    }
    each_row("stateful", [this](std::span<const float> row) { compare(row); });
    const double count = static_cast<double>(paged_.size());
    const double mean = sum_ / count;
    facts_.deviation = std::sqrt(std::max(0.0, squares_ / count - mean * mean));
    const auto near = [this](float gap) { return gap < kNearTie * facts_.deviation; };
    facts_.agreeing += std::count_if(gaps_.begin(), gaps_.end(), near);
    return facts_;
  }

 private:
  template <class Take>
  void each_row(const std::string& name, Take take) {
    stop_if_cancelled();
    const auto config = exact(name, model_path_, device_, tokens_ + lengths_.size() * kChunk);
    const int64_t nth = name == "paged" ? 0 : 1;
    const auto runner = open_runner(config, [&](Event event) {
      const auto* progress = std::get_if<Progress>(&event);
      if (progress) post_(Progress{progress->stage, nth + progress->done, 2});
    });
    SequenceId id = 0;
    size_t position = 0;  // of all prompts' tokens
    for (const auto& prompt : make_prompts(lengths_, static_cast<size_t>(runner->info().model.vocabulary_size))) {
      if (!runner->admit(++id, prompt, prompt.size(), 0)) throw Failure("ERR_ENGINE", "a runner took no prompt");
      for (size_t begin = 0; begin < prompt.size(); begin += kChunk) {
        stop_if_cancelled();
        post_(Progress{"compare", static_cast<int64_t>(static_cast<size_t>(nth) * tokens_ + position),
                       static_cast<int64_t>(2 * tokens_)});
        const auto tokens = std::span<const Token>(prompt).subspan(begin, std::min(kChunk, prompt.size() - begin));
        const Span span{id, tokens, begin, tokens.size()};
        runner->start({&span, 1});
        const Rows rows = runner->wait();
        if (stride_ == 0) stride_ = 1 + tokens_ * rows.width * sizeof(float) / kMostBytes;
        for (size_t row = 0; row < rows.count; ++row, ++position) {
          if (position % stride_ == 0) take(rows.row(row));
        }
      }
      runner->drop(id);
      runner->reset();  // a prompt that begins like another shall be computed nevertheless
    }
  }

  void compare(std::span<const float> stateful) {
    const size_t begin = static_cast<size_t>(facts_.positions) * stateful.size();
    if (begin + stateful.size() > paged_.size()) throw Failure("ERR_ENGINE", "the runners' logits differ in number");
    const auto paged = std::span<const float>(paged_).subspan(begin, stateful.size());
    for (size_t i = 0; i < stateful.size(); ++i) {
      const double difference = std::abs(double{stateful[i]} - double{paged[i]});
      // Not a number is as far away as can be.
      facts_.max_difference = std::max(
          facts_.max_difference, std::isfinite(difference) ? difference : std::numeric_limits<double>::infinity());
      sum_ += stateful[i];
      squares_ += double{stateful[i]} * double{stateful[i]};
    }
    const auto best = std::max_element(stateful.begin(), stateful.end());
    const auto chosen = stateful.begin() + (std::max_element(paged.begin(), paged.end()) - paged.begin());
    if (chosen == best) {
      ++facts_.agreeing;
    } else {
      gaps_.push_back(*best - *chosen);
    }
    ++facts_.positions;
  }

  void stop_if_cancelled() const {
    if (cancelled_) throw Interrupted();
  }

  const std::string& model_path_;
  const std::string& device_;
  const std::vector<int32_t>& lengths_;
  const std::atomic<bool>& cancelled_;
  const EventSink& post_;
  size_t tokens_ = 0;
  size_t stride_ = 0;  // every so many rows are compared
  std::vector<float> paged_;
  std::vector<float> gaps_;  // between the most likely token and the paged graph's choice, where these differ
  double sum_ = 0;
  double squares_ = 0;
  CheckFacts facts_;
};

}  // namespace

CheckFacts check_model(const std::string& model_path, const std::string& device, const std::vector<int32_t>& lengths,
                       const std::atomic<bool>& cancelled, const EventSink& post) {
  return Comparison(model_path, device, lengths, cancelled, post).run();
}

}  // namespace llm
