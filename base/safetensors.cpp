#include "base/safetensors.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/errors.h"
#include "base/file_stream.h"
#include "base/files.h"

namespace palimpsest {

namespace {

using json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "tensors are stored little-endian");

constexpr std::uint64_t kLengthBytes = 8, kAlignment = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr const char* kMetadata = "__metadata__";

constexpr std::array kDtypes{std::pair{"F64", c10::ScalarType::Double}, std::pair{"F32", c10::ScalarType::Float},
                             std::pair{"F16", c10::ScalarType::Half},   std::pair{"BF16", c10::ScalarType::BFloat16},
                             std::pair{"I64", c10::ScalarType::Long},   std::pair{"I32", c10::ScalarType::Int},
                             std::pair{"I16", c10::ScalarType::Short},  std::pair{"I8", c10::ScalarType::Char},
                             std::pair{"U8", c10::ScalarType::Byte},    std::pair{"BOOL", c10::ScalarType::Bool}};

struct Entry {
  std::string name;
  c10::ScalarType dtype = c10::ScalarType::Float;
  std::vector<std::int64_t> sizes;
  std::uint64_t begin = 0, end = 0;
};

c10::ScalarType parse_dtype(const std::string& text, const std::string& file, const std::string& tensor) {
  std::vector<std::string> names;
  for (const auto& [name, dtype] : kDtypes) {
    if (text == name) return dtype;
    names.emplace_back(name);
  }
  throw InputError(file, tensor, "unknown dtype '" + text + "'" + suggest(text, names));
}

std::string dtype_name(c10::ScalarType wanted) {
  for (const auto& [name, dtype] : kDtypes) {
    if (dtype == wanted) return name;
  }
  TORCH_CHECK(false, "format_safetensors: the format has no dtype for ", wanted);
}

// Parses JSON that names no key twice (the standard leaves that open; here it would hide a tensor).
json parse_unique_keys(std::string_view text, const std::string& file) {
  std::vector<std::set<std::string>> open;
  const auto watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second) {
      throw InputError(file, parsed.get<std::string>(), "the name appears twice in the header");
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), watch);
  } catch (const json::exception& error) {
    throw InputError(file, "header", std::string("not valid JSON: ") + error.what());
  }
}

std::string_view header_text(std::string_view bytes, const std::string& file) {
  if (bytes.size() < kLengthBytes) throw InputError(file, "header", "the file ends inside the 8-byte header length");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    throw InputError(file, "header", "length must be at most 100000000 bytes, got " + std::to_string(length));
  }
  if (length > bytes.size() - kLengthBytes) {
    throw InputError(file, "header", "length " + std::to_string(length) + " reaches past the end of the file");
  }
  const std::string_view text = bytes.substr(kLengthBytes, length);
  if (!text.starts_with('{')) throw InputError(file, "header", "must begin with '{'");
  return text;
}

std::uint64_t whole_number(const json& value, const std::string& file, const std::string& tensor) {
  if (!value.is_number_unsigned()) throw InputError(file, tensor, "sizes and offsets must be whole numbers, 0 or more");
  return value.get<std::uint64_t>();
}

// Bytes that the shape asks for.
std::uint64_t shape_bytes(const Entry& entry, const std::string& file) {
  std::uint64_t bytes = c10::elementSize(entry.dtype);
  for (const std::int64_t size : entry.sizes) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes) || bytes > INT64_MAX) {
      throw InputError(file, entry.name, "the shape is larger than any file");
    }
  }
  return bytes;
}

Entry parse_entry(const std::string& name, const json& value, const std::string& file) {
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets")) {
    throw InputError(file, name, "must have dtype, shape and data_offsets, and nothing else");
  }
  const json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
  if (!dtype.is_string()) throw InputError(file, name, "dtype must be a string");
  if (!shape.is_array()) throw InputError(file, name, "shape must be a list");
  if (!offsets.is_array() || offsets.size() != 2) throw InputError(file, name, "data_offsets must be two numbers");
  Entry entry{name, parse_dtype(dtype.get<std::string>(), file, name), {}};
  for (const json& size : shape) {
    const std::uint64_t extent = whole_number(size, file, name);
    if (extent > INT64_MAX) throw InputError(file, name, "the shape is larger than any file");
    entry.sizes.push_back(static_cast<std::int64_t>(extent));
  }
  entry.begin = whole_number(offsets[0], file, name);
  entry.end = whole_number(offsets[1], file, name);
  if (entry.end < entry.begin) throw InputError(file, name, "data_offsets must not decrease");
  const std::uint64_t needed = shape_bytes(entry, file);
  if (needed != entry.end - entry.begin) {
    throw InputError(file, name,
                     "the shape asks for " + std::to_string(needed) + " bytes, data_offsets give " +
                         std::to_string(entry.end - entry.begin));
  }
  return entry;
}

// The tensors must tile the data: each begins where the one before it ended, the last ends with the file.
void check_tiling(std::vector<Entry> entries, std::uint64_t data_bytes, const std::string& file) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t expected = 0;
  for (const Entry& entry : entries) {
    if (entry.begin < expected) throw InputError(file, entry.name, "its bytes overlap those of another tensor");
    if (entry.begin > expected) throw InputError(file, entry.name, "there is a hole in the data before it");
    expected = entry.end;
    if (expected > data_bytes) {
      throw InputError(file, entry.name, "its bytes reach past the end of the file (truncated?)");
    }
  }
  if (expected != data_bytes) {
    throw InputError(file, "", std::to_string(data_bytes - expected) + " bytes follow the last tensor");
  }
}

std::map<std::string, std::string> parse_metadata(const json& value, const std::string& file) {
  if (!value.is_object()) throw InputError(file, kMetadata, "must be an object of strings");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) throw InputError(file, kMetadata, "'" + key + "' must be a string");
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

at::Tensor copy_tensor(const Entry& entry, std::string_view data, const std::string& file) {
  const std::string_view bytes = data.substr(entry.begin, entry.end - entry.begin);
  if (entry.dtype == c10::ScalarType::Bool && std::any_of(bytes.begin(), bytes.end(), [](char b) { return b & ~1; })) {
    throw InputError(file, entry.name, "a BOOL byte must be 0 or 1");
  }
  at::Tensor tensor = at::empty(entry.sizes, entry.dtype);
  if (!bytes.empty()) std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

using StoredTensors = std::vector<std::pair<std::string, at::Tensor>>;

// What is stored, in the order of the data.
StoredTensors stored_order(const TensorFile& file) {
  StoredTensors tensors;
  for (const auto& [name, tensor] : file.tensors) {
    TORCH_CHECK(name != kMetadata, "format_safetensors: no tensor may be called ", kMetadata);
    tensors.emplace_back(name, tensor.detach().to(at::kCPU).contiguous());
  }
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });
  return tensors;
}

// What stands before the tensors, its length included.
std::string format_header(const StoredTensors& tensors, const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::uint64_t end = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::uint64_t begin = std::exchange(end, end + tensor.nbytes());
    header[name] = {
        {"dtype", dtype_name(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const std::uint64_t length = text.size();
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, kLengthBytes);
  return bytes + text;
}

std::string_view bytes_of(const at::Tensor& tensor) {
  if (tensor.nbytes() == 0) return {};
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

std::uint64_t data_bytes_of(const StoredTensors& tensors) {
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.nbytes();
  return bytes;
}

}  // namespace

TensorFile parse_safetensors(std::string_view bytes, const std::string& name) {
  const std::string_view text = header_text(bytes, name);
  const std::string_view data = bytes.substr(kLengthBytes + text.size());
  const json header = parse_unique_keys(text, name);
  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& [key, value] : header.items()) {
    if (key == kMetadata) {
      file.metadata = parse_metadata(value, name);
    } else {
      entries.push_back(parse_entry(key, value, name));
    }
  }
  check_tiling(entries, data.size(), name);
  for (const Entry& entry : entries) file.tensors[entry.name] = copy_tensor(entry, data, name);
  return file;
}

std::string format_safetensors(const TensorFile& file) {
  const StoredTensors tensors = stored_order(file);
  std::string bytes = format_header(tensors, file.metadata);
  bytes.reserve(bytes.size() + data_bytes_of(tensors));
  for (const auto& [name, tensor] : tensors) bytes += bytes_of(tensor);
  return bytes;
}

TensorFile read_safetensors(const std::filesystem::path& path) {
  return parse_safetensors(read_file(path), path.string());
}

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  const StoredTensors tensors = stored_order(file);
  const std::string header = format_header(tensors, file.metadata);
  AtomicFile out(path, header.size() + data_bytes_of(tensors));
  out.write(header);
  for (const auto& [name, tensor] : tensors) out.write(bytes_of(tensor));
  out.commit();
}

}  // namespace palimpsest
