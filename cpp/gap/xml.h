// Reading XML, as much of it as potentials need.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gapglass {

struct Element {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string text;  // all character data inside, without that of elements inside
  std::vector<std::unique_ptr<Element>> children;

  std::vector<const Element*> all(const std::string& child) const;
  const Element* only(const std::string& child) const;  // null if absent
};

// Reads a file; throws Error with path and line for a file that is not well-formed (one that was cut, for example).
std::unique_ptr<Element> read_xml(const std::string& path);

// A whole file as text; throws Error when it cannot be read.
std::string read_file(const std::string& path);

// Numbers of a text, which may be none; throws Error, with `where` in front, for a word that is no finite number.
std::vector<double> numbers(const std::string& text, const std::string& where);

}  // namespace gapglass
