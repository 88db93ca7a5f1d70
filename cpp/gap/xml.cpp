#include "xml.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#if __has_include(<charconv>)
#include <charconv>
#endif

#include "error.h"

namespace gapglass {
namespace {

class Parser {
 public:
  Parser(const std::string& path, std::string text) : path_(path), text_(std::move(text)) {}

  std::unique_ptr<Element> parse() {
    skip_between();
    if (done() || peek() != '<') fail("it does not begin with an element");
    auto root = element(0);
    skip_between();
    if (!done()) fail("there is something behind the end of the first element");
    return root;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + std::min(at_, text_.size()), '\n');
    throw Error(path_ + ", line " + std::to_string(line) + ": " + what + "; the file is damaged or incomplete");
  }
  bool done() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  bool next_is(const char* what) const { return text_.compare(at_, std::char_traits<char>::length(what), what) == 0; }

  void skip_space() {
    while (!done() && std::isspace(static_cast<unsigned char>(peek()))) ++at_;
  }
  void skip_past(const char* end) {
    const auto found = text_.find(end, at_);
    if (found == std::string::npos) fail(std::string("the file ends before ") + end);
    at_ = found + std::char_traits<char>::length(end);
  }
  // Comments, declarations and white space outside the first element.
  void skip_between() {
    for (;;) {
      skip_space();
      if (next_is("<!--")) {
        skip_past("-->");
      } else if (next_is("<?")) {
        skip_past("?>");
      } else {
        return;
      }
    }
  }
  std::string name() {
    const auto begin = at_;
    while (!done() && (std::isalnum(static_cast<unsigned char>(peek())) || peek() == '_' || peek() == '-' ||
                       peek() == '.' || peek() == ':')) {
      ++at_;
    }
    if (begin == at_) fail("a name is missing");
    return text_.substr(begin, at_ - begin);
  }
  std::string decoded(const std::string& raw) const {
    if (raw.find('&') == std::string::npos) return raw;
    static const std::pair<const char*, char> entities[] = {
        {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    std::string out;
    for (std::size_t i = 0; i < raw.size();) {
      bool found = false;
      for (const auto& [code, sign] : entities) {
        const std::string word = code;
        if (raw.compare(i, word.size(), word) == 0) {
          out += sign;
          i += word.size();
          found = true;
          break;
        }
      }
      if (!found) out += raw[i++];
    }
    return out;
  }

  std::unique_ptr<Element> element(int depth) {
    if (depth > 100) fail("elements are nested too deeply");
    ++at_;  // <
    auto out = std::make_unique<Element>();
    out->name = name();
    for (;;) {
      skip_space();
      if (done()) fail("the file ends inside <" + out->name + ">");
      if (next_is("/>")) {
        at_ += 2;
        return out;
      }
      if (peek() == '>') {
        ++at_;
        break;
      }
      const std::string key = name();
      skip_space();
      if (done() || peek() != '=') fail("attribute " + key + " has no value");
      ++at_;
      skip_space();
      if (done() || (peek() != '"' && peek() != '\'')) fail("the value of attribute " + key + " is not in quotes");
      const char quote = text_[at_++];
      const auto end = text_.find(quote, at_);
      if (end == std::string::npos) fail("the file ends inside attribute " + key);
      if (!out->attributes.emplace(key, decoded(text_.substr(at_, end - at_))).second) {
        fail("attribute " + key + " stands twice in <" + out->name + ">");
      }
      at_ = end + 1;
    }
    for (;;) {
      const auto next = text_.find('<', at_);
      if (next == std::string::npos) fail("the file ends inside <" + out->name + ">");
      out->text += decoded(text_.substr(at_, next - at_));
      at_ = next;
      if (next_is("<![CDATA[")) {
        const auto begin = at_ + 9;
        skip_past("]]>");
        out->text += text_.substr(begin, at_ - 3 - begin);
      } else if (next_is("<!--")) {
        skip_past("-->");
      } else if (next_is("</")) {
        at_ += 2;
        if (name() != out->name) fail("<" + out->name + "> is closed by another name");
        skip_space();
        if (done() || peek() != '>') fail("</" + out->name + " does not end");
        ++at_;
        return out;
      } else {
        out->children.push_back(element(depth + 1));
      }
    }
  }

  std::string path_, text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<const Element*> Element::all(const std::string& child) const {
  std::vector<const Element*> out;
  for (const auto& c : children) {
    if (c->name == child) out.push_back(c.get());
  }
  return out;
}

const Element* Element::only(const std::string& child) const {
  const auto found = all(child);
  if (found.size() > 1) throw Error("<" + child + "> stands " + std::to_string(found.size()) + " times in <" + name + ">");
  return found.empty() ? nullptr : found[0];
}

std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (stream) text << stream.rdbuf();
  if (!stream || text.str().empty()) throw Error(path + ": the file cannot be read or is empty");
  return text.str();
}

std::unique_ptr<Element> read_xml(const std::string& path) { return Parser(path, read_file(path)).parse(); }

std::vector<double> numbers(const std::string& text, const std::string& where) {
  std::vector<double> out;
  const char *p = text.data(), *end = p + text.size();
  for (;;) {
    while (p != end && std::isspace(static_cast<unsigned char>(*p))) ++p;
    if (p == end) return out;
    const char* stop = p;
    while (stop != end && !std::isspace(static_cast<unsigned char>(*stop))) ++stop;
    const char* begin = *p == '+' ? p + 1 : p;
    double value = 0;
#ifdef __cpp_lib_to_chars
    const auto [last, status] = std::from_chars(begin, stop, value);
    // What is too small for a double counts as zero.
    const bool small = status == std::errc::result_out_of_range && std::string(begin, stop).find('-') != std::string::npos;
    const bool good = last == stop && (status == std::errc() || small);
    if (small) value = 0;
#else
    char* last = nullptr;
    const std::string word(begin, stop);
    value = std::strtod(word.c_str(), &last);
    const bool good = last == word.c_str() + word.size();
#endif
    if (!good || !std::isfinite(value)) {
      throw Error(where + ": \"" + std::string(p, stop) + "\" is not a finite number");
    }
    out.push_back(value);
    p = stop;
  }
}

}  // namespace gapglass
