// HDF5 in memory: a file being made of arrays of integers, each one chunk in the smallest type that holds it.
//
// Only writing is here. A shard is read by the places that its index gives (shard_reader.h), so that no byte of a file
// ever reaches libhdf5 (Debian's 1.10 has known holes); anything that reads HDF5 reads these files as well.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace palimpsest {

// Where an array's values lie in the file and how they are stored.
struct ArrayPlace {
  std::int64_t begin = 0, bytes = 0;  // as stored
  std::int64_t count = 0;             // values
  std::int64_t width = 1;             // bytes of a value: 1, 2, 4 unsigned or 8 signed, little-endian
  bool deflated = false;              // HDF5's shuffle and deflate
  std::string sum;                    // XXH3 64-bit of the stored bytes
};

// The same content gives the same bytes: no timestamps, no uninitialised gaps.
class Hdf5Writer {
 public:
  // `deflate`: 0 for arrays as they are, else zlib's level (1 to 9) after HDF5's shuffle of bytes.
  explicit Hdf5Writer(std::int64_t deflate = 0);
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  // An integer array at "/group/name", any shape. The place has no sum yet.
  ArrayPlace write(const std::string& path, const at::Tensor& values);
  ArrayPlace write(const std::string& path, std::string_view bytes);        // as u8 [N]
  ArrayPlace write_plain(const std::string& path, std::string_view bytes);  // never deflated
  void write_attribute(const std::string& name, std::string_view text);     // of the root

  std::string bytes() const;  // the whole file

 private:
  struct Values;
  ArrayPlace write_array(const std::string& path, const Values& values, std::int64_t deflate);

  std::int64_t file_ = -1, deflate_;
};

}  // namespace palimpsest
