// Plain data as bytes, and back: numbers, texts, lists, sets, maps, and structures that have an each_part(). One list
// of parts serves both directions, so that they cannot differ.
#pragma once
#include <cstddef>
#include <cstring>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace llm {

class ArchiveWriter {
 public:
  const std::string& bytes() const { return bytes_; }

  template <class T>
  void operator()(T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    } else {
      each_part(value, *this);
    }
  }
  void operator()(std::string& text) { list(text); }
  template <class T>
  void operator()(std::vector<T>& values) {
    list(values);
  }
  template <class T>
  void operator()(std::set<T>& values) {
    std::vector<T> all(values.begin(), values.end());
    list(all);
  }
  template <class K, class V>
  void operator()(std::map<K, V>& values) {
    std::vector<std::pair<K, V>> all(values.begin(), values.end());
    list(all);
  }
  template <class A, class B>
  void operator()(std::pair<A, B>& pair) {
    (*this)(pair.first);
    (*this)(pair.second);
  }

 private:
  template <class List>
  void list(List& values) {
    size_t count = values.size();
    (*this)(count);
    for (auto& value : values) (*this)(value);
  }

  std::string bytes_;
};

// Throws std::runtime_error where the bytes end too early.
class ArchiveReader {
 public:
  explicit ArchiveReader(std::string_view bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }

  template <class T>
  void operator()(T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      if (rest_.size() < sizeof value) throw std::runtime_error("cut off");
      std::memcpy(&value, rest_.data(), sizeof value);
      rest_.remove_prefix(sizeof value);
    } else {
      each_part(value, *this);
    }
  }
  void operator()(std::string& text) { list(text); }
  template <class T>
  void operator()(std::vector<T>& values) {
    list(values);
  }
  template <class T>
  void operator()(std::set<T>& values) {
    std::vector<T> all;
    list(all);
    values = std::set<T>(all.begin(), all.end());
  }
  template <class K, class V>
  void operator()(std::map<K, V>& values) {
    std::vector<std::pair<K, V>> all;
    list(all);
    values = std::map<K, V>(all.begin(), all.end());
  }
  template <class A, class B>
  void operator()(std::pair<A, B>& pair) {
    (*this)(pair.first);
    (*this)(pair.second);
  }

 private:
  template <class List>
  void list(List& values) {
    size_t count = 0;
    (*this)(count);
    if (count > rest_.size()) throw std::runtime_error("cut off");  // each takes at least a byte
    values.resize(count);
    for (auto& value : values) (*this)(value);
  }

  std::string_view rest_;
};

}  // namespace llm
