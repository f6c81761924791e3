#include "node/file_lock.h"

#if !defined(_WIN32)
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <string>
#endif

namespace llm {

Napi::Value try_file_lock(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  if (!info[0].IsNumber()) throw Napi::TypeError::New(env, "addon: expected the number of a descriptor");
#if defined(_WIN32)
  return env.Undefined();
#else
  const auto descriptor = info[0].As<Napi::Number>().Int32Value();
  int result = 0;
  do {
    result = flock(descriptor, LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return Napi::Boolean::New(env, true);
  switch (errno) {
    case EWOULDBLOCK:
      return Napi::Boolean::New(env, false);
    case ENOLCK:
    case ENOSYS:
    case EOPNOTSUPP:
      return env.Undefined();
    default:
      throw Napi::Error::New(env, std::string("addon: flock failed: ") + std::strerror(errno));
  }
#endif
}

}  // namespace llm
