// One sequence at a time on the model's own state: works on every device and every OVModelForCausalLM export.
#include <algorithm>
#include <mutex>
#include <openvino/openvino.hpp>
#include <openvino/runtime/exception.hpp>
#include <optional>
#include <utility>

#include "core.h"
#include "model.h"
#include "runtime.h"

namespace llm {
namespace {

class StatefulRunner : public Runner {
 public:
  StatefulRunner(ov::CompiledModel compiled, RunnerInfo info, const DecoderModel& decoder, bool gathers)
      : info_(std::move(info)),
        decoder_{nullptr, {}, decoder.has_attention_mask, decoder.has_position_ids, decoder.has_beam_idx},
        gathers_(gathers),
        compiled_(std::move(compiled)),
        request_(compiled_.create_infer_request()) {}

  RunnerInfo info() const override { return info_; }

  // What the state holds is kept when it is the beginning of the prompt: then no trim is needed, which on a state would
  // be an f32 round trip of the whole cache.
  size_t admit(SequenceId sequence, std::span<const Token> prompt) override {
    const bool begins = held_.size() < prompt.size() && std::equal(held_.begin(), held_.end(), prompt.begin());
    if (!begins) forget();
    sequence_ = sequence;
    return held_.size();
  }

  void drop(SequenceId sequence) noexcept override {
    if (sequence_ == sequence) sequence_.reset();
  }

  void reset() override {
    sequence_.reset();
    if (broken_) {
      std::lock_guard lock(mutex_);  // interrupt() may use the request
      request_ = compiled_.create_infer_request();
      held_.clear();
      broken_ = false;
    }
    forget();
  }

  void interrupt() noexcept override {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    try {
      request_.cancel();
    } catch (const std::exception&) {
      // A request that computes nothing needs no cancelling.
    }
  }

  void start(std::span<const Span> spans) override {
    const Span& span = spans.front();
    if (spans.size() != 1 || span.sequence != sequence_ || span.position != held_.size() || span.tokens.empty()) {
      throw Failure("ERR_ENGINE", "the stateful runner computes one sequence, token after token");
    }
    set_inputs(span);
    held_.insert(held_.end(), span.tokens.begin(), span.tokens.end());
    std::lock_guard lock(mutex_);
    if (interrupted_) throw Interrupted();
    request_.start_async();
  }

  Rows wait() override {
    try {
      request_.wait();
    } catch (const ov::Cancelled&) {
      throw Interrupted();
    } catch (const std::bad_alloc&) {
      broken_ = true;
      throw;
    } catch (const std::exception& error) {
      std::lock_guard lock(mutex_);
      if (interrupted_) throw Interrupted();
      broken_ = true;
      throw Failure("ERR_ENGINE", "OpenVINO failed while computing: " + plain_words(error));
    }
    if (wanted_ == 0) return {};
    const ov::Tensor logits = request_.get_tensor("logits");
    const auto& shape = logits.get_shape();  // [1, rows, vocabulary]
    const size_t width = shape.back();
    const size_t rows = logits.get_size() / width;
    if (rows < wanted_) throw Failure("ERR_ENGINE", "the model computed fewer rows of logits than were asked for");
    return {logits.data<const float>() + (rows - wanted_) * width, wanted_, width};
  }

 private:
  void forget() {
    if (held_.empty()) return;
    request_.reset_state();
    held_.clear();
  }

  void set_inputs(const Span& span) {
    const size_t count = span.tokens.size();
    const size_t total = span.position + count;
    ids_.assign(span.tokens.begin(), span.tokens.end());
    request_.set_tensor("input_ids", ov::Tensor(ov::element::i64, {1, count}, ids_.data()));
    if (decoder_.has_attention_mask) {
      if (mask_.size() < total) mask_.resize(std::max(total, 2 * mask_.size()), 1);
      request_.set_tensor("attention_mask", ov::Tensor(ov::element::i64, {1, total}, mask_.data()));
    }
    if (decoder_.has_position_ids) {
      positions_.resize(count);
      for (size_t i = 0; i < count; ++i) positions_[i] = static_cast<int64_t>(span.position + i);
      request_.set_tensor("position_ids", ov::Tensor(ov::element::i64, {1, count}, positions_.data()));
    }
    if (decoder_.has_beam_idx) request_.set_tensor("beam_idx", ov::Tensor(ov::element::i32, {1}, &beam_));
    if (gathers_) {
      // An empty index makes an empty MatMul, which not every kernel takes: a prefill chunk computes one row that
      // nobody reads.
      rows_.resize(std::max<size_t>(1, span.rows));
      for (size_t i = 0; i < rows_.size(); ++i) rows_[i] = static_cast<int64_t>(count - rows_.size() + i);
      request_.set_tensor("sampled_tokens_indices", ov::Tensor(ov::element::i64, {rows_.size()}, rows_.data()));
    }
    wanted_ = span.rows;
  }

  RunnerInfo info_;
  DecoderModel decoder_;  // without its model: that was released after compilation
  bool gathers_;
  ov::CompiledModel compiled_;
  ov::InferRequest request_;

  std::vector<Token> held_;             // the tokens whose keys and values are in the state
  std::optional<SequenceId> sequence_;  // whose they are, if anybody's
  bool broken_ = false;                 // a step failed: the request and its state are made anew
  size_t wanted_ = 0;

  // What the input tensors point to.
  std::vector<int64_t> ids_, mask_, positions_, rows_;
  int32_t beam_ = 0;

  std::mutex mutex_;
  bool interrupted_ = false;
};

ov::AnyMap parse_properties(const EngineConfig& config) {
  ov::AnyMap properties;
  for (const auto& line : config.properties) {
    const auto sign = line.find('=');
    if (sign == std::string::npos) throw Failure("ERR_PROPERTY", "expected KEY=VALUE, found " + line);
    properties[line.substr(0, sign)] = line.substr(sign + 1);
  }
  return properties;
}

// Virtual devices (AUTO, HETERO, …) pass properties on, so only a real device's own list can be checked.
void check_properties(const EngineConfig& config, const ov::AnyMap& properties) {
  const auto colon = config.device.find(':');
  if (colon != std::string::npos || config.device == "AUTO") return;
  const auto known = core().get_property(config.device, ov::supported_properties);
  for (const auto& [name, value] : properties) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string list;
    for (const auto& property : known) {
      if (property.is_mutable()) list += (list.empty() ? "" : ", ") + property;
    }
    throw Failure("ERR_PROPERTY", "ovConfig: " + config.device + " has no property " + name + "; it has " + list);
  }
}

void check_device(const EngineConfig& config) {
  if (config.device.find(':') != std::string::npos || config.device == "AUTO") return;
  const auto present = core().get_available_devices();
  const auto matches = [&](const std::string& name) {
    return name == config.device || name.rfind(config.device + ".", 0) == 0;
  };
  if (std::any_of(present.begin(), present.end(), matches)) return;
  std::string list;
  for (const auto& name : present) list += (list.empty() ? "" : ", ") + name;
  throw Failure("ERR_DEVICE", "device " + config.device + " is not present; OpenVINO sees " + list);
}

std::map<std::string, std::string> effective_properties(const ov::CompiledModel& compiled) {
  std::map<std::string, std::string> effective;
  for (const auto& name : compiled.get_property(ov::supported_properties)) {
    try {
      effective[name] = compiled.get_property(name).as<std::string>();
    } catch (const std::exception&) {
      // A property without a text form is not shown.
    }
  }
  return effective;
}

double since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

std::unique_ptr<Runner> open_stateful_runner(const EngineConfig& config, const EventSink& post) {
  check_device(config);
  const auto properties = parse_properties(config);
  check_properties(config, properties);

  RunnerInfo info;
  post(Progress{"read", 0, 1});
  auto begin = std::chrono::steady_clock::now();
  auto decoder = read_decoder(config.model_path);
  if (config.gather_rows) gather_rows(*decoder.model);
  info.read_ms = since(begin);
  post(Progress{"read", 1, 1});

  post(Progress{"compile", 0, 1});
  begin = std::chrono::steady_clock::now();
  ov::CompiledModel compiled;
  try {
    compiled = core().compile_model(decoder.model, config.device, properties);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure("ERR_ENGINE",
                  config.model_path + ": OpenVINO cannot compile it for " + config.device + ": " + plain_words(error));
  }
  decoder.model.reset();  // its constants would stay in memory beside the compiled ones
  info.compile_ms = since(begin);
  post(Progress{"compile", 1, 1});

  info.runner = "stateful";
  info.reason = "the only runner of this version";
  info.model = decoder.facts;
  info.properties = effective_properties(compiled);
  try {
    info.devices = compiled.get_property(ov::execution_devices);
  } catch (const std::exception&) {
    info.devices = {config.device};
  }
  info.max_sequences = 1;
  return std::make_unique<StatefulRunner>(std::move(compiled), std::move(info), decoder, config.gather_rows);
}

}  // namespace llm
