#include "openvino/model/xml_reader.h"

#include <algorithm>
#include <charconv>

namespace llm {
namespace {

// Production [3] of XML 1.0.
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Of a name: the ASCII part of productions [4] and [4a], and every byte of a longer character.
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
         static_cast<unsigned char>(c) > 127;
}
bool continues_name(char c) { return begins_name(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }

// As UTF-8; false for what is no character.
bool append_character(uint32_t code, std::string& to) {
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
  const auto tail = [&](int shift) { to += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    to += static_cast<char>(code);
  } else if (code < 0x800) {
    to += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    to += static_cast<char>(0xe0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    to += static_cast<char>(0xf0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
  return true;
}

// What stands between & and ;.
bool append_entity(std::string_view entity, std::string& to) {
  constexpr std::pair<std::string_view, char> kNamed[] = {
      {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [name, character] : kNamed) {
    if (entity != name) continue;
    to += character;
    return true;
  }
  if (entity.empty() || entity[0] != '#') return false;
  const bool hexadecimal = entity.size() > 1 && entity[1] == 'x';
  const auto digits = entity.substr(hexadecimal ? 2 : 1);
  uint32_t code = 0;
  const auto* end = digits.data() + digits.size();
  const auto [last, error] = std::from_chars(digits.data(), end, code, hexadecimal ? 16 : 10);
  return error == std::errc() && last == end && append_character(code, to);
}

}  // namespace

XmlReader::XmlReader(std::string_view text) : text_(text) {
  at_ = text.find('\0');
  if (at_ != std::string_view::npos) fail("text in UTF-8");
  at_ = 0;
  skip("\xef\xbb\xbf");  // a byte order mark
}

void XmlReader::fail(const std::string& expected) const {
  constexpr size_t kShown = 20;
  std::string message = "expected " + expected + " at byte " + std::to_string(at_) + ", found ";
  if (at_ < text_.size()) {
    message.append("\"").append(text_.substr(at_, kShown)).append("\"");
  } else {
    message += "the end of the file";
  }
  throw XmlError(message);
}

bool XmlReader::skip(std::string_view expected) {
  if (text_.substr(at_, expected.size()) != expected) return false;
  at_ += expected.size();
  return true;
}

void XmlReader::skip_past(std::string_view end, const std::string& what) {
  const auto found = text_.find(end, at_);
  if (found == std::string_view::npos) fail(what + " that ends");
  at_ = found + end.size();
}

void XmlReader::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

std::string_view XmlReader::read_name() {
  const size_t begin = at_;
  if (at_ == text_.size() || !begins_name(text_[at_])) fail("a name");
  while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
  return text_.substr(begin, at_ - begin);
}

XmlReader::Event XmlReader::next() {
  if (empty_) {
    empty_ = false;
    open_.pop_back();
    return event_ = Event::kEnd;
  }
  event_ = Event::kDone;
  while (event_ == Event::kDone) {
    at_ = std::min(text_.find('<', at_), text_.size());
    if (at_ == text_.size()) {
      if (!open_.empty()) fail(std::string("the end of ").append(open_.back()));
      return event_;
    }
    read_markup();
  }
  return event_;
}

void XmlReader::read_markup() {
  if (skip("<!--")) {
    skip_past("-->", "a comment");
  } else if (skip("<![CDATA[")) {
    skip_past("]]>", "a CDATA section");
  } else if (skip("<?")) {
    read_name();
    skip_past("?>", "a processing instruction");
  } else if (skip("</")) {
    read_end();
  } else {
    ++at_;
    read_start();
  }
}

void XmlReader::read_end() {
  name_ = read_name();
  if (open_.empty()) fail("an element");
  if (name_ != open_.back()) fail(std::string("the end of ").append(open_.back()));
  skip_space();
  if (!skip(">")) fail(">");
  open_.pop_back();
  event_ = Event::kEnd;
}

void XmlReader::read_start() {
  name_ = read_name();
  attributes_.clear();
  for (;;) {
    const size_t before = at_;
    skip_space();
    if (skip("/>")) {
      empty_ = true;
      break;
    }
    if (skip(">")) break;
    if (at_ == before) fail("a space, > or />");
    read_attribute();
  }
  if (open_.size() == kMostDepth) fail("at most " + std::to_string(kMostDepth) + " elements inside each other");
  open_.push_back(name_);
  event_ = Event::kStart;
}

void XmlReader::read_attribute() {
  const auto name = read_name();
  skip_space();
  if (!skip("=")) fail("=");
  skip_space();
  const bool is_double = skip("\"");
  if (!is_double && !skip("'")) fail("a quotation mark");
  const size_t begin = at_;
  skip_past(is_double ? "\"" : "'", "a value");
  attributes_.emplace_back(name, text_.substr(begin, at_ - 1 - begin));
}

std::optional<std::string> XmlReader::attribute(std::string_view name) const {
  const std::string_view* raw = nullptr;
  for (const auto& [other, value] : attributes_) {
    if (other != name) continue;
    if (raw) fail(std::string("one attribute before here called ").append(name));
    raw = &value;
  }
  if (!raw) return std::nullopt;
  std::string value;
  for (size_t at = 0; at < raw->size(); ++at) {
    if ((*raw)[at] != '&') {
      value += (*raw)[at];
      continue;
    }
    const auto end = raw->find(';', at);
    if (end == std::string_view::npos || !append_entity(raw->substr(at + 1, end - at - 1), value)) {
      fail(std::string("nothing but known entities before here in the attribute ").append(name));
    }
    at = end;
  }
  return value;
}

}  // namespace llm
