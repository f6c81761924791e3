#include "node/events.h"

#include "node/write_fields.h"

namespace llm {

Napi::Object event_to_js(Napi::Env env, const Event& event) {
  auto object = Napi::Object::New(env);
  std::visit(
      [&object]<class T>(const T& one) {
        object.Set("type", kTypeName<T>);
        write_fields(object, one);
      },
      event);
  return object;
}

}  // namespace llm
