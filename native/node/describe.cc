#include "node/describe.h"

#include <type_traits>
#include <variant>

#include "engine/sampling/steps.h"
#include "node/fields.h"
#include "node/jobs.h"
#include "node/type_name.h"

namespace llm {
namespace {

class Describer {
 public:
  BoundaryDescription boundary;

  // Of what the fields hold, the structures and the sets of names are described, too.
  template <class Struct>
  FieldTypes fields_of(Struct value) {
    FieldTypes fields;
    each_field(value, [&](const char* name, const auto& field) {
      fields[name] = type_name<std::remove_cvref_t<decltype(field)>>();
      add(field);
    });
    return fields;
  }

  template <class T>
  void add(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      const auto& names = names_of(value);
      boundary.names[kTypeName<T>] = {names.begin(), names.end()};
    } else if constexpr (kIsTokens<T> || kIsMap<T> || std::is_same_v<T, std::string> || kIsBytes<T> || kIsOffsets<T>) {
      // No structure.
    } else if constexpr (kIsVector<T>) {
      add(typename T::value_type{});
    } else if constexpr (kIsVariant<T>) {
      add_alternatives(value);
    } else if constexpr (std::is_class_v<T>) {
      boundary.structures[kTypeName<T>] = fields_of(value);
    }
  }

  template <class... Events>
  void add_events(const std::variant<Events...>&) {
    ((boundary.events[kTypeName<Events>] = fields_of(Events{})), ...);
  }

  template <class... Kinds>
  void add_jobs(const std::tuple<Kinds...>&) {
    ((boundary.job_arguments[Kinds::kName] = fields_of(typename Kinds::Arguments{})), ...);
    ((boundary.job_results[Kinds::kName] = type_name<typename Kinds::Result>()), ...);
  }

 private:
  template <class... T>
  void add_alternatives(const std::variant<T...>&) {
    (add(T{}), ...);
  }
};

}  // namespace

BoundaryDescription describe_boundary() {
  Describer describer;
  describer.add(EngineConfig{});
  describer.add(RequestParams{});
  describer.add(Vocabulary{});
  describer.add(Metrics{});
  describer.add_events(Event{});
  describer.add_jobs(JobKinds{});
  describer.boundary.names["SamplingStep"] = sampling_steps();
  return describer.boundary;
}

}  // namespace llm
