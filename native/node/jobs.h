// The kinds of jobs: what each takes, what it gives and what it does. A new kind is a structure here, a name in
// JobKinds, and its lines in lib/engine/boundary.ts and fields.ts.
#pragma once
#include <algorithm>
#include <atomic>
#include <string>
#include <tuple>
#include <vector>

#include "node/fields.h"
#include "openvino/runtime.h"

namespace llm {

// `expectation` says what is wrong with arguments whose types are right; nullptr when nothing is.

struct ConvertJob {
  static constexpr const char* kName = "convert";
  struct Arguments {
    std::string source, target;
    GgufMends mends;
  };
  using Result = GraphInfo;
  static const char* expectation(const Arguments& from) {
    const auto& [factors, magnitude, local_base, layers, window] = from.mends;
    const auto positive = [](double factor) { return factor > 0; };
    const bool good = std::all_of(factors.begin(), factors.end(), positive) && magnitude > 0 && local_base >= 0;
    const bool known = window.empty() || window == "windowed" || window == "full";
    return good && known ? nullptr : "positive factors and a known attention mask";
  }
  static Result run(const Arguments& from, const std::atomic<bool>& cancelled, const EventSink& post) {
    return convert_gguf(from.source, from.target, from.mends, cancelled, post);
  }
};

struct DevicesJob {
  static constexpr const char* kName = "devices";
  struct Arguments {
    std::string plugin;
  };
  using Result = std::vector<DeviceInfo>;
  static const char* expectation(const Arguments&) { return nullptr; }
  static Result run(const Arguments& from, const std::atomic<bool>&, const EventSink&) {
    return list_devices(from.plugin);
  }
};

struct CheckJob {
  static constexpr const char* kName = "check";
  struct Arguments {
    std::string model_path;
    DeviceFeatures device;
    int32_t context_length = 0;
    std::vector<int32_t> lengths;
  };
  using Result = ComparisonResult;
  static const char* expectation(const Arguments& from) {
    const auto sensible = [](int32_t length) { return length >= 1; };
    const bool good = !from.lengths.empty() && std::all_of(from.lengths.begin(), from.lengths.end(), sensible);
    return good && sensible(from.context_length) ? nullptr : "lengths of at least 1";
  }
  static Result run(const Arguments& from, const std::atomic<bool>& cancelled, const EventSink& post) {
    return check_model(from.model_path, from.device, from.context_length, from.lengths, cancelled, post);
  }
};

struct CompareJob {
  static constexpr const char* kName = "compare";
  struct Arguments {
    EngineConfig left, right;
    std::vector<Token> tokens;
  };
  using Result = ComparisonResult;
  static const char* expectation(const Arguments& from) { return from.tokens.empty() ? "at least one token" : nullptr; }
  static Result run(const Arguments& from, const std::atomic<bool>& cancelled, const EventSink& post) {
    return compare_models(from.left, from.right, from.tokens, cancelled, post);
  }
};

struct InspectJob {
  static constexpr const char* kName = "inspect";
  struct Arguments {
    std::string model_path, device;
  };
  using Result = Inspection;
  static const char* expectation(const Arguments&) { return nullptr; }
  static Result run(const Arguments& from, const std::atomic<bool>&, const EventSink&) {
    return inspect_model(from.model_path, from.device);
  }
};

using JobKinds = std::tuple<ConvertJob, DevicesJob, CheckJob, CompareJob, InspectJob>;

template <class Visit>
void each_field(ConvertJob::Arguments& arguments, Visit&& visit) {
  visit("source", arguments.source);
  visit("target", arguments.target);
  visit("ropeFactors", arguments.mends.rope_factors);
  visit("ropeMagnitude", arguments.mends.rope_magnitude);
  visit("localRopeBase", arguments.mends.local_rope_base);
  visit("unrotatedLayers", arguments.mends.unrotated_layers);
  visit("attentionMask", arguments.mends.attention_mask);
}

template <class Visit>
void each_field(DevicesJob::Arguments& arguments, Visit&& visit) {
  visit("plugin", arguments.plugin);
}

template <class Visit>
void each_field(CheckJob::Arguments& arguments, Visit&& visit) {
  visit("modelPath", arguments.model_path);
  visit("device", arguments.device);
  visit("contextLength", arguments.context_length);
  visit("lengths", arguments.lengths);
}

template <class Visit>
void each_field(CompareJob::Arguments& arguments, Visit&& visit) {
  visit("left", arguments.left);
  visit("right", arguments.right);
  visit("tokens", arguments.tokens);
}

template <class Visit>
void each_field(InspectJob::Arguments& arguments, Visit&& visit) {
  visit("modelPath", arguments.model_path);
  visit("device", arguments.device);
}

}  // namespace llm
