#include <cctype>
#include <cmath>

#include "descriptor.h"
#include "error.h"
#include "xml.h"

namespace gapglass {

Arguments::Arguments(const std::string& text, const std::string& where) : where_(where) {
  std::size_t i = 0;
  auto space = [&](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  auto skip = [&] {
    while (i < text.size() && space(text[i])) ++i;
  };
  skip();
  while (i < text.size() && !space(text[i])) name_ += text[i++];
  for (skip(); i < text.size(); skip()) {
    std::string key;
    while (i < text.size() && text[i] != '=' && !space(text[i])) key += text[i++];
    if (i == text.size() || text[i] != '=') refuse("\"" + key + "\" has no value");
    ++i;
    std::vector<std::string> words;
    if (i < text.size() && text[i] == '{') {
      int depth = 0;
      std::string word;
      for (; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '{') {
          ++depth;
        } else if (c == '}') {
          if (--depth == 0) break;
        } else if (space(c)) {
          if (!word.empty()) words.push_back(word);
          word.clear();
        } else {
          word += c;
        }
      }
      if (i == text.size()) refuse("the brace behind " + key + "= is not closed");
      ++i;
      if (!word.empty()) words.push_back(word);
    } else {
      std::string word;
      while (i < text.size() && !space(text[i])) word += text[i++];
      words.push_back(word);
    }
    if (!values_.emplace(key, words).second) refuse(key + " stands twice");
  }
}

void Arguments::refuse(const std::string& what) const {
  throw Error(where_ + ": descriptor " + name_ + ": " + what + "; QUIP's evaluator (pair_style quip, quippy) remains available");
}

const std::vector<std::string>& Arguments::values(const std::string& key) const {
  asked_[key] = true;
  const auto found = values_.find(key);
  if (found == values_.end()) refuse("it lacks " + key);
  return found->second;
}

std::string Arguments::word(const std::string& key, const std::string& standard) const {
  if (!has(key)) return standard;
  const auto& v = values(key);
  if (v.size() != 1) refuse(key + " should be one word");
  return v[0];
}

std::vector<double> Arguments::list(const std::string& key, std::size_t size) const {
  std::vector<double> out;
  for (const auto& word : values(key)) {
    for (double v : numbers(word, where_ + ": descriptor " + name_ + ": " + key)) out.push_back(v);
  }
  if (out.size() != size) {
    refuse(key + " has " + std::to_string(out.size()) + " values where " + std::to_string(size) + " belong");
  }
  return out;
}

double Arguments::number(const std::string& key) const { return list(key, 1)[0]; }

double Arguments::number(const std::string& key, double standard) const { return has(key) ? number(key) : standard; }

int Arguments::whole(const std::string& key, int lowest, int highest) const {
  const double v = number(key);
  if (v != std::floor(v) || v < lowest || v > highest) {
    refuse(key + "=" + word(key) + " is not implemented (whole numbers from " + std::to_string(lowest) + " to " +
           std::to_string(highest) + " are)");
  }
  return static_cast<int>(v);
}

std::vector<int> Arguments::species() const {
  std::vector<int> out;
  for (double z : list("species_Z", whole("n_species", 1, 118))) {
    if (z != std::floor(z) || z < 1 || z > 118) refuse("species_Z has a value that is no atomic number");
    out.push_back(static_cast<int>(z));
  }
  return out;
}

void Arguments::require(const std::string& key, const std::string& value) const {
  const std::string found = word(key, value);
  if (found != value) refuse(key + "=" + found + " is not implemented (" + value + " is)");
}

void Arguments::finish() const {
  // How sparse points were chosen does not change what the potential is.
  for (const char* key : {"n_sparse", "sparse_method", "sparse_file", "add_species", "config_type_n_sparse",
                          "print_sparse_index", "unique_hash_tolerance", "unique_descriptor_tolerance"}) {
    ignore(key);
  }
  for (const auto& [key, unused] : values_) {
    if (!asked_.count(key)) refuse(key + " is not implemented");
  }
}

}  // namespace gapglass
