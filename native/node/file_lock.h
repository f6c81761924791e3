// Locks of files, which Node.js has no call for.
#pragma once
#include <napi.h>

namespace llm {

// tryFileLock(descriptor): takes the exclusive lock that flock(2) gives, without waiting. It belongs to what is open,
// and ends with its last descriptor. True when it is held now, false while another one holds it, undefined where there
// are no such locks: on Windows, and on some network file systems.
Napi::Value try_file_lock(const Napi::CallbackInfo& info);

}  // namespace llm
