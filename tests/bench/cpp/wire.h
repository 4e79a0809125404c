// StreamMetricsResponse by hand: what the bench counts of it, and batches as the server writes them.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>

namespace wire {

// The fields of a message, one after another.
class Fields {
 public:
  Fields(const char* data, size_t size) : at_(data), end_(data + size) {}

  // Moves to the next field; false at the end.
  bool Next() {
    if (at_ >= end_) return false;
    uint64_t tag = Varint();
    number = tag >> 3;
    switch (tag & 7) {
      case 0:
        value = Varint();
        return true;
      case 1:
        at_ += 8;
        return at_ <= end_;
      case 2:
        size = Varint();
        data = at_;
        at_ += size;
        return at_ <= end_;
      case 5:
        at_ += 4;
        return at_ <= end_;
      default:
        return false;
    }
  }

  uint64_t number = 0;
  // Of a varint.
  uint64_t value = 0;
  // Of what has a length.
  const char* data = nullptr;
  size_t size = 0;

 private:
  uint64_t Varint() {
    uint64_t found = 0;
    for (int shift = 0; at_ < end_ && shift < 64; shift += 7) {
      uint8_t byte = *at_++;
      found |= uint64_t(byte & 0x7F) << shift;
      if (!(byte & 0x80)) break;
    }
    return found;
  }

  const char* at_;
  const char* end_;
};

inline void PutVarint(std::string& out, uint64_t number) {
  for (; number > 0x7F; number >>= 7) out += char((number & 0x7F) | 0x80);
  out += char(number);
}

inline void PutBytes(std::string& out, int field, const std::string& bytes) {
  PutVarint(out, field << 3 | 2);
  PutVarint(out, bytes.size());
  out += bytes;
}

// A response of one event: a batch of `count` values.
inline std::string Batch(uint64_t sequence, size_t count) {
  std::string values(count * sizeof(double), '\0');
  for (size_t n = 0; n < count; n++) {
    double value = n / 2.0;
    std::memcpy(&values[n * sizeof(double)], &value, sizeof(double));
  }
  std::string batch, event, response;
  PutBytes(batch, 5, values);
  PutVarint(event, 1 << 3);
  PutVarint(event, sequence);
  PutBytes(event, 4, batch);
  PutBytes(response, 1, event);
  return response;
}

}  // namespace wire
