// Shapes: H rows, W columns, C channels, N samples of a sound.
#include "datasets/sources/hdf5_source.h"

#include <sys/wait.h>

#include <cmath>
#include <cstring>

#include "base/child_process.h"
#include "base/errors.h"
#include "base/zero_padded.h"
#include "datasets/sources/hdf5_rows.h"
#include "datasets/sources/identity.h"
#include "datasets/sources/source_files.h"

namespace palimpsest {

namespace {

constexpr std::size_t kLongestHead = 1 << 20;  // bytes

struct ArrayForm {
  std::string name, kind;
  double scale = 1.0;
  std::vector<std::int64_t> shape;  // of a row

  std::int64_t values() const {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    return count;
  }
};

// One file's rows, from the process that reads it.
class ForeignRows {
 public:
  ForeignRows(const std::filesystem::path& path, const std::vector<std::string>& arrays, const Hdf5Options& options,
              const std::string& program)
      : path_(path.string()), reader_(command(path_, arrays, options, program), options.stall_seconds) {
    try {
      read_head();
    } catch (const nlohmann::json::exception&) {
      refuse("led its reader astray");
    }
  }

  const std::vector<ArrayForm>& forms() const { return forms_; }
  bool at_end() const { return row_ == rows_; }
  // The values of the next row, one string an array.
  std::vector<std::string> next() {
    if (read(1).front() == kErrorFollows) refuse(read_text());
    std::vector<std::string> values;
    for (const ArrayForm& form : forms_) values.push_back(read_value(form));
    ++row_;
    return values;
  }

 private:
  static std::vector<std::string> command(const std::string& path, const std::vector<std::string>& arrays,
                                          const Hdf5Options& options, const std::string& program) {
    std::vector<std::string> words{program, kReadHdf5, std::to_string(options.memory_mb), path};
    words.insert(words.end(), arrays.begin(), arrays.end());
    return words;
  }

  void read_head() {
    std::string line;
    for (std::string byte = read(1); byte != "\n"; byte = read(1)) {
      if (line.size() == kLongestHead) refuse("led its reader astray");
      line += byte;
    }
    const auto head = nlohmann::json::parse(line);
    if (head.contains("error")) refuse(head.at("error").get<std::string>());
    rows_ = head.at("rows").get<std::int64_t>();
    for (const auto& form : head.at("arrays")) {
      forms_.push_back({form.at("name"), form.at("kind"), form.at("scale"), form.at("shape")});
    }
  }

  [[noreturn]] void refuse(const std::string& rule) const { throw InputError(path_, "", rule); }

  std::string read(std::size_t count) {
    try {
      std::string bytes = reader_.read(count);
      if (bytes.size() == count) return bytes;
    } catch (const IoError& error) {
      refuse(std::string("its reader was ended at row ") + std::to_string(row_) + ": " + error.what());
    }
    const int status = reader_.finish();
    const std::string how = WIFSIGNALED(status) ? "by signal " + std::to_string(WTERMSIG(status))
                                                : "with status " + std::to_string(WEXITSTATUS(status));
    refuse("its reader ended " + how + " at row " + std::to_string(row_) + " (data.hdf5.memory_mb bounds it)");
  }

  std::string read_text() {
    const std::string bytes = read(sizeof(std::uint32_t));
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    if (static_cast<std::int64_t>(length) > kLongestMember) refuse("has a text of more than 256 MB");
    return read(length);
  }

  std::string read_value(const ArrayForm& form) {
    if (form.kind == "text") return read_text();
    const std::size_t size = form.kind == "bytes" ? 1 : form.kind == "floats" ? sizeof(float) : sizeof(double);
    return read(size * static_cast<std::size_t>(form.values()));
  }

  std::string path_;
  ProgramReader reader_;
  std::int64_t rows_ = 0, row_ = 0;
  std::vector<ArrayForm> forms_;
};

at::Tensor tensor_of(const std::string& bytes, at::IntArrayRef shape, at::ScalarType type) {
  at::Tensor values = at::empty(shape, type);
  std::memcpy(values.mutable_data_ptr(), bytes.data(), bytes.size());
  return values;
}

// [H,W], [H,W,C] or [C,H,W], C being 1 or 3.
Image picture_of(const ArrayForm& form, const std::string& bytes) {
  at::Tensor pixels = tensor_of(bytes, form.shape, at::kByte);
  const auto colours = [](std::int64_t size) { return size == 1 || size == 3; };
  if (pixels.dim() == 2) pixels = pixels.unsqueeze(2);
  if (pixels.dim() == 3 && !colours(pixels.size(2)) && colours(pixels.size(0))) pixels = pixels.permute({1, 2, 0});
  if (pixels.dim() != 3 || !colours(pixels.size(2)))
    throw InputError("", form.name, "holds no pictures: rows are [H,W], [H,W,3] or [3,H,W]");
  return {pixels.expand({pixels.size(0), pixels.size(1), 3}).contiguous()};
}

nlohmann::json number_of(const std::string& bytes) {
  double value = 0.0;
  std::memcpy(&value, bytes.data(), sizeof value);
  if (std::floor(value) == value && std::abs(value) < 9e15) return static_cast<std::int64_t>(value);
  return value;
}

class ArraysReader : public MemberReader {
 public:
  ArraysReader(std::vector<std::filesystem::path> files, Hdf5Options options, MemberRequest request,
               std::string program)
      : files_(std::move(files)),
        options_(std::move(options)),
        request_(std::move(request)),
        program_(std::move(program)),
        arrays_(options_.fields) {
    for (const auto& [name, role] : request_.roles) {
      for (const std::string& array : role.members) {
        if (array != "json") arrays_.push_back(array);
      }
    }
    if (options_.damaged == DamagedFile::kStop) open_next();
  }

  std::optional<Members> next() override {
    for (;;) {
      if (!rows_ && next_file_ == files_.size()) return std::nullopt;
      try {
        if (!rows_) open_next();
        if (auto members = next_of_file()) return members;
      } catch (const InputError& error) {
        rows_.reset();
        if (options_.damaged == DamagedFile::kStop) throw;
        const std::string key = files_[next_file_ - 1].filename().string();
        if (request_.wants_key(key)) return Members{.key = key, .error = error.what()};
      }
    }
  }

 private:
  void open_next() {
    index_ = 0;
    rows_ = std::make_unique<ForeignRows>(files_[next_file_++], arrays_, options_, program_);
  }

  std::optional<Members> next_of_file() {
    while (!rows_->at_end()) {
      const std::string key = files_[next_file_ - 1].stem().string() + ":" + zero_padded(index_++, 6);
      const auto values = rows_->next();
      if (request_.wants_key(key)) return members_of(key, values);
    }
    rows_.reset();
    return std::nullopt;
  }

  Members members_of(const std::string& key, const std::vector<std::string>& values) const {
    Members members{.key = key};
    try {
      for (std::size_t array = 0; array < values.size(); ++array) add(members, rows_->forms()[array], values[array]);
    } catch (const InputError& error) {
      members.error = error.what();
    }
    return members;
  }

  void add(Members& members, const ArrayForm& form, const std::string& value) const {
    const auto& fields = options_.fields;
    const bool field = std::find(fields.begin(), fields.end(), form.name) != fields.end();
    if (form.kind == "text" && !field) {
      members.bytes[form.name] = value;
    } else if (form.kind == "text") {
      members.fields[form.name] = value;
    } else if (form.kind == "number") {
      members.fields[form.name] = number_of(value);
    } else if (form.kind == "bytes") {
      members.media.insert_or_assign(form.name, picture_of(form, value));
    } else {
      members.media.insert_or_assign(form.name, sound_of(form, value));
    }
  }

  Audio sound_of(const ArrayForm& form, const std::string& bytes) const {
    if (form.shape.size() != 1) throw InputError("", form.name, "holds neither pictures of bytes nor sounds");
    const at::Tensor samples_N = tensor_of(bytes, form.shape, at::kFloat) / form.scale;
    for (const auto& [name, role] : request_.roles) {
      if (std::find(role.members.begin(), role.members.end(), form.name) != role.members.end())
        return {samples_N, role.sample_rate};
    }
    throw InputError("", form.name, "is no field: it has many numbers a row");
  }

  std::vector<std::filesystem::path> files_;
  Hdf5Options options_;
  MemberRequest request_;
  std::string program_;
  std::vector<std::string> arrays_;
  std::size_t next_file_ = 0;
  std::unique_ptr<ForeignRows> rows_;  // null before the first file, between two and after the last
  std::int64_t index_ = 0;
};

}  // namespace

std::unique_ptr<Source> hdf5_source(std::vector<std::filesystem::path> files, const Hdf5Options& options,
                                    MemberRequest request, const std::string& program) {
  return member_source(std::make_unique<ArraysReader>(std::move(files), options, request, program), request);
}

SourceForm hdf5_form() {
  return {
      "hdf5",
      "arrays of HDF5 files, row by row, read by a process of its own with bounds",
      "hdf5",
      [](const std::filesystem::path& path) { return path.extension() == ".h5" || path.extension() == ".hdf5"; },
      [](const DataOptions& data) { return identity_of_files(find_data_files(data.source, "data.source")); },
      [](const DataOptions& data, MemberRequest request) {
        const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
        return hdf5_source(find_data_files(data.source, "data.source"), data.hdf5, std::move(request), program);
      },
  };
}

}  // namespace palimpsest
