// Chooses the runner and opens it.
#include <optional>

#include "kernels/cpu_features.h"
#include "openvino/core.h"
#include "openvino/graph/gather_rows.h"
#include "openvino/graph/long_rope.h"
#include "openvino/graph/padding_proof.h"
#include "openvino/graph/paged_graph.h"
#include "openvino/graph/static_shapes.h"
#include "openvino/runners/compile.h"
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

std::optional<Obstacle> machine_obstacle(const EngineConfig& config, const EventSink& post) {
  const auto& device = config.device;
  if (device.kv_memory == "none") {
    return Obstacle{ERR_DEVICE, "the device is " + device.name + ", which has no paged KV cache"};
  }
  if (!config.gather_rows) {
    return Obstacle{ERR_DEVICE, "the paged runner gathers rows of logits, which was not allowed"};
  }
  if (device.kv_memory != "host") return std::nullopt;  // this processor does not compute
  if (!kX86) return Obstacle{ERR_DEVICE, "the paged runner was never tried on a processor that is not x86-64"};
  if (!cpu_features().avx2) {
    const std::string reason = "OpenVINO's paged attention needs a CPU with AVX2, and this one has none";
    post(Warning{"cpu-without-avx2", reason + ": one request is computed at a time, and slowly"});
    return Obstacle{ERR_DEVICE, reason};
  }
  return std::nullopt;
}

// The plugin's message for this speaks of types only.
std::string hint(const ov::AnyMap& properties) {
  const auto is_f32 = [&](const char* name) {
    const auto found = properties.find(name);
    return found != properties.end() && found->second.as<std::string>() == "f32";
  };
  const bool cache = is_f32("KV_CACHE_PRECISION") || is_f32("KEY_CACHE_PRECISION") || is_f32("VALUE_CACHE_PRECISION");
  if (!cache || is_f32("INFERENCE_PRECISION_HINT")) return "";
  return " (a paged KV cache in f32 needs INFERENCE_PRECISION_HINT f32)";
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

// Returns null when the model cannot be paged, and says why in `obstacle`.
std::unique_ptr<Runner> try_paged(const EngineConfig& config, const ov::AnyMap& properties, const EventSink& post,
                                  const std::string& reason, std::optional<Obstacle>& obstacle) {
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
      auto compiled = compile(decoder, config, properties, post, info);
      return make_paged_runner(std::move(compiled), std::move(info), std::move(decoder.mapped), config);
    }
  } catch (const Failure& failure) {
    if (!concerns_paging(failure)) throw;
    // Failures of the reader and of options name the file, and come again without paging.
    if (std::string(failure.what()).rfind(config.model_path, 0) == 0) throw;
    const auto code = failure.code() == ERR_ENGINE ? ERR_UNSUPPORTED_MODEL : failure.code();
    obstacle = {code, "paged, " + (failure.what() + hint(properties))};
    return nullptr;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    words = plain_words(error);
  }
  obstacle = {ERR_UNSUPPORTED_MODEL, "the model cannot be paged: " + words};
  return nullptr;
}

std::unique_ptr<Runner> open_stateful(const EngineConfig& config, ov::AnyMap properties, const EventSink& post,
                                      std::string reason) {
  RunnerInfo info;
  info.reason = std::move(reason);
  std::string advice;
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
    auto compiled = compile(decoder, config, properties, post, info);
    if (config.max_prompt > 0) note_static_shapes(compiled, info);
    return make_stateful_runner(std::move(compiled), std::move(info), std::move(decoder), config);
  } catch (const Failure& failure) {
    // Failures of the reader name the file already.
    if (std::string(failure.what()).rfind(config.model_path, 0) == 0) throw;
    throw Failure(advice.empty() ? failure.code() : ERR_UNSUPPORTED_MODEL,
                  config.model_path + ": " + failure.what() + advice);
  } catch (const ov::Exception& error) {
    throw Failure(
        advice.empty() ? ERR_ENGINE : ERR_UNSUPPORTED_MODEL,
        config.model_path + ": OpenVINO cannot run it on " + config.device.name + ": " + plain_words(error) + advice);
  }
}

}  // namespace

std::unique_ptr<Runner> open_runner(const EngineConfig& config, const EventSink& post) {
  const auto properties = checked_properties(config);
  if (config.runner == "stateful") return open_stateful(config, properties, post, "asked for");
  const bool asked = config.runner == "paged";
  auto obstacle = machine_obstacle(config, post);
  if (!obstacle) {
    const std::string reason =
        asked ? "asked for" : "the device is " + config.device.name + " and the model's attention could be paged";
    if (auto runner = try_paged(config, properties, post, reason, obstacle)) return runner;
  }
  if (asked) throw Failure(obstacle->code, config.model_path + ": " + obstacle->reason);
  return open_stateful(config, properties, post, obstacle->reason);
}

}  // namespace llm
