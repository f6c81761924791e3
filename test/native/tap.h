// A few lines of TAP, so that the C++ tests count like the others.
#pragma once
#include <concepts>
#include <cstdio>
#include <exception>
#include <functional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tap {

struct Test {
  std::string name;
  std::function<void()> body;
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

struct Register {
  Register(const char* name, std::function<void()> body) { tests().push_back({name, std::move(body)}); }
};

struct Mismatch : std::exception {
  explicit Mismatch(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }
  std::string text_;
};

template <class T>
std::string show(const T& value) {
  if constexpr (std::same_as<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (requires { name_of(value); }) {
    return name_of(value);
  } else if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<int>(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(value);
  } else if constexpr (std::convertible_to<T, std::string>) {
    return '"' + std::string(value) + '"';
  } else if constexpr (std::ranges::range<T>) {
    std::string text;
    for (const auto& item : value) text += (text.empty() ? "" : ", ") + show(item);
    return "{" + text + "}";
  } else {
    return "?";
  }
}

}  // namespace tap

#define TAP_JOIN2(a, b) a##b
#define TAP_JOIN(a, b) TAP_JOIN2(a, b)
#define TEST(name)                                                                           \
  static void TAP_JOIN(test_, __LINE__)();                                                   \
  static const tap::Register TAP_JOIN(register_, __LINE__)(name, TAP_JOIN(test_, __LINE__)); \
  static void TAP_JOIN(test_, __LINE__)()
#define TAP_HERE std::string(__FILE__) + ":" + std::to_string(__LINE__) + ": "
#define CHECK(condition)                                            \
  do {                                                              \
    if (!(condition)) throw tap::Mismatch(TAP_HERE + (#condition)); \
  } while (false)
// Both sides once each; shows what was found and what was expected.
#define CHECK_EQUAL(found, expected)                                                                 \
  do {                                                                                               \
    const auto tap_found = (found); /* copies: a reference may be into a temporary */                \
    const auto tap_expected = (expected);                                                            \
    if (!(tap_found == tap_expected)) {                                                              \
      throw tap::Mismatch(TAP_HERE + #found + ": expected " + tap::show(tap_expected) + ", found " + \
                          tap::show(tap_found));                                                     \
    }                                                                                                \
  } while (false)
