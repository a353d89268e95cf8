// HDF5 in memory: files as bytes, arrays of integers in the smallest type that holds them, groups as paths. One handle
// a class.
//
// Nothing is opened from a path: what is read was verified before (Debian's HDF5 1.10 has known holes), and what is
// written reaches the disk whole or not at all.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace palimpsest {

// A file being made. The same content gives the same bytes: no timestamps, no uninitialised gaps.
class Hdf5Writer {
 public:
  Hdf5Writer();
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  // An integer array at "/group/name", any shape; stored as the smallest of u8, u16, u32, i64 that holds its values.
  void write(const std::string& path, const at::Tensor& values);
  void write(const std::string& path, std::string_view bytes);           // as u8 [N]
  void write_attribute(const std::string& name, std::string_view text);  // of the root

  std::string bytes() const;  // the whole file

 private:
  std::int64_t file_ = -1;
};

// A verified file's bytes, open for reading. `name` is what errors call it.
class Hdf5Reader {
 public:
  Hdf5Reader(std::string_view bytes, std::string name);  // InputError when they are not HDF5
  ~Hdf5Reader();
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;

  // InputError naming the path when it is absent or not an array of integers.
  at::Tensor read(const std::string& path) const;  // int64
  std::string read_bytes(const std::string& path) const;
  std::string read_attribute(const std::string& name) const;

 private:
  std::string name_;
  std::int64_t file_ = -1;
};

}  // namespace palimpsest
