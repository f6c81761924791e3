#include "tap.h"

namespace {

// Empty when it passed.
std::string failure_of(const tap::Test& test) {
  try {
    test.body();
    return "";
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return text.empty() ? "an exception without words" : text;
  } catch (...) {
    return "something that is no std::exception was thrown";
  }
}

}  // namespace

// The argument, if any, is a part of the names of the tests to run.
int main(int argc, char** argv) {
  if (argc > 1) {
    std::erase_if(tap::tests(), [&](const auto& test) { return test.name.find(argv[1]) == std::string::npos; });
  }
  size_t number = 0;
  size_t failed = 0;
  std::printf("TAP version 14\n1..%zu\n", tap::tests().size());
  for (const auto& test : tap::tests()) {
    ++number;
    const std::string failure = failure_of(test);
    if (failure.empty()) {
      std::printf("ok %zu - %s\n", number, test.name.c_str());
    } else {
      ++failed;
      std::printf("not ok %zu - %s\n  ---\n  message: |-\n    %s\n  ...\n", number, test.name.c_str(), failure.c_str());
    }
    std::fflush(stdout);  // a crash in the next test must not take this line with it
  }
  return failed == 0 ? 0 : 1;
}
