// MD5 after RFC 1321.

#include <cmath>
#include <cstdint>

#include "gap_file.h"

namespace gapglass {

std::string md5(const std::string& text) {
  static const int shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  std::uint32_t state[4] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};
  std::string data = text;
  data += static_cast<char>(0x80);
  while (data.size() % 64 != 56) data += '\0';
  const std::uint64_t bits = static_cast<std::uint64_t>(text.size()) * 8;
  for (int i = 0; i < 8; ++i) data += static_cast<char>(bits >> (8 * i) & 0xff);
  std::uint32_t constants[64];
  for (int i = 0; i < 64; ++i) {
    constants[i] = static_cast<std::uint32_t>(std::floor(std::fabs(std::sin(i + 1.0)) * 4294967296.0));
  }
  for (std::size_t block = 0; block < data.size(); block += 64) {
    std::uint32_t word[16];
    for (int i = 0; i < 16; ++i) {
      word[i] = 0;
      for (int b = 3; b >= 0; --b) word[i] = word[i] << 8 | static_cast<unsigned char>(data[block + 4 * i + b]);
    }
    std::uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 64; ++i) {
      std::uint32_t f = 0;
      int index = 0;
      switch (i / 16) {
        case 0: f = (b & c) | (~b & d), index = i; break;
        case 1: f = (d & b) | (~d & c), index = (5 * i + 1) % 16; break;
        case 2: f = b ^ c ^ d, index = (3 * i + 5) % 16; break;
        default: f = c ^ (b | ~d), index = 7 * i % 16; break;
      }
      const std::uint32_t turned = a + f + constants[i] + word[index];
      const int by = shifts[i / 16][i % 4];
      a = d;
      d = c;
      c = b;
      b += turned << by | turned >> (32 - by);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
  }
  std::string out;
  for (std::uint32_t s : state) {
    for (int i = 0; i < 4; ++i) {
      const unsigned byte = s >> (8 * i) & 0xff;
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    }
  }
  return out;
}

}  // namespace gapglass
