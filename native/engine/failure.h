// What goes wrong below the boundary: a code of lib/errors.ts and words for people.
#pragma once
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "generated/error_code.h"

namespace llm {

class Failure : public std::runtime_error {
 public:
  Failure(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

// Thrown by a runner or a job that was told to stop; never reaches a user.
class Interrupted : public Failure {
 public:
  Interrupted() : Failure(ERR_CLOSED, "interrupted") {}
};

// Turns whatever is in flight into a Failure; call inside a catch block.
inline Failure current_failure(ErrorCode otherwise) {
  try {
    throw;
  } catch (const Failure& failure) {
    return failure;
  } catch (const std::bad_alloc&) {
    return {ERR_OUT_OF_MEMORY, "out of memory"};
  } catch (const std::exception& error) {
    return {otherwise, error.what()};
  } catch (...) {
    return {otherwise, "unknown error"};
  }
}

}  // namespace llm
