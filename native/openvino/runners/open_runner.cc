// Chooses the runner and opens it.
#include <optional>

#include "kernels/cpu_features.h"
#include "openvino/core.h"
#include "openvino/graph/gather_rows.h"
#include "openvino/graph/long_rope.h"
#include "openvino/graph/padding_proof.h"
#include "openvino/graph/paged_graph.h"
#include "openvino/graph/static_shapes.h"
#include "openvino/runners/cache_precision.h"
#include "openvino/runners/compile.h"
#include "openvino/runners/keeping_runner.h"
#include "openvino/runners/open_kept.h"
#include "openvino/runners/properties.h"
#include "openvino/runners/runners.h"
#include "openvino/runtime.h"

namespace llm {
namespace {

// Why there is no paged runner, and the error's code in case it was asked for.
struct Obstacle {
  ErrorCode code;
  std::string reason;
};

std::optional<Obstacle> machine_obstacle(const EngineConfig& config, const ov::AnyMap& properties,
                                         const EventSink& post) {
  const auto& device = config.device;
  if (device.kv_memory == "none") {
    return Obstacle{ERR_DEVICE, "the device is " + device.name + ", which has no paged KV cache"};
  }
  if (!config.gather_rows) {
    return Obstacle{ERR_DEVICE, "the paged runner gathers rows of logits, which was not allowed"};
  }
  if (auto reason = cache_precision_obstacle(device, properties)) return Obstacle{ERR_PROPERTY, std::move(*reason)};
  if (device.kv_memory != "host") return std::nullopt;  // this processor does not compute
  if (!kX86) return Obstacle{ERR_DEVICE, "the paged runner was never tried on a processor that is not x86-64"};
  if (!cpu_features().avx2) {
    const std::string reason = "OpenVINO's paged attention needs a CPU with AVX2, and this one has none";
    post(Warning{"cpu-without-avx2", reason + ": one request is computed at a time, and slowly"});
    return Obstacle{ERR_DEVICE, reason};
  }
  return std::nullopt;
}

// Settles who chooses between the position factors of LongRoPE: the option, or, where the graph may get another input,
// the runner for each step.
void settle_rope(const EngineConfig& config, DecoderModel& decoder, RunnerInfo& info) {
  const int64_t border = decoder.info.long_rope_border;
  info.rope = border > 0 ? config.rope_regime : "none";
  if (config.rope_regime == "long") {
    if (border == 0) {
      throw Failure(ERR_UNSUPPORTED_MODEL, config.model_path +
                                               ": ropeRegime 'long' needs a graph that chooses between short and long "
                                               "position factors, and this one does not");
    }
    fix_rope(*decoder.model, Rope::kLong);
  } else if (border > 0 && config.rope_regime == "auto") {
    if (!config.gather_rows) {
      info.rope = "short";  // the graph chooses so by itself as long as no sequence grows beyond the border
      return;
    }
    add_rope_input(*decoder.model);
    info.long_rope_border = static_cast<size_t>(border);
  }
}

// Rows are gathered after the head: right, but slow.
void warn_of_all_logits(const EngineConfig& config, const RowGather& rows, const EventSink& post) {
  if (rows.lost.empty()) return;
  post(Warning{"logits", config.model_path + ": " + rows.lost +
                             ": those of every token of a prompt are computed, which takes time and memory"});
}

// What has nothing to do with paging: it would be so, and is said better, without it.
bool concerns_paging(const Failure& failure) {
  return failure.code() != ERR_OUT_OF_MEMORY && failure.code() != ERR_MODEL_INVALID && failure.code() != ERR_CLOSED;
}

// Remembers what was warned of.
struct Listener {
  const EventSink& post;
  std::vector<Warning> warnings = {};
  EventSink sink() {
    return [this](Event event) {
      if (const auto* warning = std::get_if<Warning>(&event)) warnings.push_back(*warning);
      post(std::move(event));
    };
  }
};

// What the next start is to know. Nothing where this one is not to be kept.
std::optional<KeptStart> kept_start(const EngineConfig& config, const ov::AnyMap& properties, const Compiled& compiled,
                                    const DecoderModel& decoder, const RunnerInfo& info, const char* runner,
                                    const Listener& listener) {
  if (config.graph_path.empty() || !compiled.parts) return std::nullopt;
  KeptStart start;
  start.identity = identity_of(config, properties);
  start.info = info;
  start.info.runner = runner;
  start.warnings = listener.warnings;
  start.decoder.info = decoder.info;
  start.decoder.inputs = decoder.inputs;
  start.decoder.axes = decoder.axes;
  start.decoder.padding_obstacle = decoder.padding_obstacle;
  start.decoder.gathers_rows = decoder.gathers_rows;
  start.decoder.has_fixed_states = decoder.has_fixed_states;
  start.decoder.prompt_positions = decoder.prompt_positions;
  start.parts = *compiled.parts;
  if (!start.parts.layers.empty()) start.packed = compiled.builtin.identity;
  return start;
}

std::unique_ptr<Runner> keep_later(std::unique_ptr<Runner> runner, const Compiled& compiled,
                                   std::optional<KeptStart> start, const EngineConfig& config, const EventSink& post) {
  if (!start && !compiled.builtin.unwritten) return runner;
  Keeping keeping{std::move(start), compiled.model, config.graph_path, compiled.builtin, config.packed_path};
  if (!keeping.start) keeping.compiled = {};
  return keeping_runner(std::move(runner), std::move(keeping), post);
}

// Returns null when the model cannot be paged, and says why in `obstacle`.
std::unique_ptr<Runner> try_paged(const EngineConfig& config, const ov::AnyMap& properties, Listener& listener,
                                  const std::string& reason, std::optional<Obstacle>& obstacle) {
  const EventSink post = listener.sink();
  RunnerInfo info;
  info.reason = reason;
  std::string words;
  try {
    auto decoder = read_model(config, post, info, [&](DecoderModel& read) {
      const RowGather rows = gather_rows(*read.model);
      settle_rope(config, read, info);
      words = rows.gathers ? page(read.model, config.context_length, info.windows) : rows.lost;
      if (words.empty()) warn_of_all_logits(config, rows, post);
    });
    if (words.empty()) {
      const auto compiled = compile(decoder, config, properties, post, info);
      auto start = kept_start(config, properties, compiled, decoder, info, "paged", listener);
      auto runner = make_paged_runner(compiled.model, std::move(info), std::move(decoder.mapped), config);
      return keep_later(std::move(runner), compiled, std::move(start), config, listener.post);
    }
  } catch (const Failure& failure) {
    if (!concerns_paging(failure)) throw;
    // Failures of the reader and of options name the file, and come again without paging.
    if (std::string(failure.what()).rfind(config.model_path, 0) == 0) throw;
    const auto code = failure.code() == ERR_ENGINE ? ERR_UNSUPPORTED_MODEL : failure.code();
    obstacle = {code, "paged, " + (failure.what() + cache_precision_hint(properties))};
    return nullptr;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    words = plain_words(error);
    if (code_of(words, ERR_ENGINE) == ERR_OUT_OF_MEMORY) {
      throw Failure(ERR_OUT_OF_MEMORY, config.model_path + ": " + words);
    }
  }
  obstacle = {ERR_UNSUPPORTED_MODEL, "the model cannot be paged: " + words};
  return nullptr;
}

std::unique_ptr<Runner> open_stateful(const EngineConfig& config, const ov::AnyMap& asked, Listener& listener,
                                      std::string reason) {
  const EventSink post = listener.sink();
  RunnerInfo info;
  info.reason = std::move(reason);
  std::string advice;
  auto properties = asked;
  try {
    auto decoder = read_model(config, post, info, [&](DecoderModel& read) {
      if (config.gather_rows) {
        const RowGather rows = gather_rows(*read.model);
        read.gathers_rows = rows.gathers;
        warn_of_all_logits(config, rows, post);
      }
      settle_rope(config, read, info);
      if (config.max_prompt == 0) {
        const bool may_share = config.max_sequences > 1 && read.axes.batches && read.inputs.beam_idx;
        if (may_share) read.padding_obstacle = padding_obstacle(*read.model, config.context_length);
        return;
      }
      properties = with_static_shapes(*read.model, config, properties);
      advice = export_advice(*read.model);
    });
    const auto compiled = compile(decoder, config, properties, post, info);
    if (config.max_prompt > 0) note_static_shapes(compiled.model, info);
    auto start = kept_start(config, asked, compiled, decoder, info, "stateful", listener);
    auto runner = make_stateful_runner(compiled.model, std::move(info), std::move(decoder), config);
    return keep_later(std::move(runner), compiled, std::move(start), config, listener.post);
  } catch (const Failure& failure) {
    // Failures of the reader name the file already.
    if (std::string(failure.what()).rfind(config.model_path, 0) == 0) throw;
    throw Failure(advice.empty() ? failure.code() : ERR_UNSUPPORTED_MODEL,
                  config.model_path + ": " + failure.what() + advice);
  } catch (const ov::Exception& error) {
    const auto words = plain_words(error);
    throw Failure(advice.empty() ? code_of(words, ERR_ENGINE) : ERR_UNSUPPORTED_MODEL,
                  config.model_path + ": OpenVINO cannot run it on " + config.device.name + ": " + words + advice);
  }
}

std::unique_ptr<Runner> open_model(const EngineConfig& config, const ov::AnyMap& properties, const EventSink& post) {
  Listener listener{post};
  if (config.runner == "stateful") return open_stateful(config, properties, listener, "asked for");
  const bool asked = config.runner == "paged";
  auto obstacle = machine_obstacle(config, properties, listener.sink());
  if (!obstacle) {
    const std::string reason =
        asked ? "asked for" : "the device is " + config.device.name + " and the model's attention could be paged";
    if (auto runner = try_paged(config, with_cache_precision(config.device, properties), listener, reason, obstacle))
      return runner;
  }
  if (asked) throw Failure(obstacle->code, config.model_path + ": " + obstacle->reason);
  return open_stateful(config, properties, listener, obstacle->reason);
}

}  // namespace

std::unique_ptr<Runner> open_runner(const EngineConfig& config, const EventSink& post) {
  const auto properties = checked_properties(config);
  auto kept = open_kept(config, properties, post);
  if (kept.runner) return std::move(kept.runner);
  EngineConfig own = config;
  if (kept.refused) own.graph_path.clear();
  return open_model(own, properties, post);
}

}  // namespace llm
