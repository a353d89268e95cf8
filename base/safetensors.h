// The safetensors format: 8-byte header length, JSON header, raw little-endian tensors.
//
// Strict: header under 100 MB, offsets without holes or overlaps, sizes that agree with shapes, no unknown dtypes,
// no duplicate names, no bytes after the last tensor. Anything else is an InputError that names file and tensor.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace palimpsest {

struct TensorFile {
  std::map<std::string, at::Tensor> tensors;    // on the CPU, owning their memory
  std::map<std::string, std::string> metadata;  // the header's __metadata__
};

TensorFile read_safetensors(const std::filesystem::path& path);

// The largest elements first, then by name, so that each tensor is aligned to its element; written to a temporary name,
// fsynced, renamed. Same content, same bytes.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

// From and to memory; `name` is what errors call it.
TensorFile parse_safetensors(std::string_view bytes, const std::string& name);
std::string format_safetensors(const TensorFile& file);

}  // namespace palimpsest
