// Shapes: H rows, W columns, C channels, N samples of a sound.
#include "datasets/sources/hdf5_source.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include "base/apart_stream.h"
#include "base/errors.h"
#include "base/zero_padded.h"
#include "datasets/sources/files_in_a_row.h"
#include "datasets/sources/hdf5_rows.h"
#include "datasets/sources/identity.h"
#include "datasets/sources/role_content.h"
#include "datasets/sources/source_files.h"

namespace palimpsest {

namespace {

constexpr std::size_t kLongestHead = 1 << 20;  // bytes

struct ArrayForm {
  std::string name, kind;
  double scale = 1.0;
  std::vector<std::int64_t> shape;  // of a row

  // Has a row few enough values to be read?
  bool sensible() const {
    std::int64_t room = kLongestMember;
    return std::all_of(shape.begin(), shape.end(), [&room](std::int64_t size) {
      const bool fits = size > 0 && size <= room;
      room = fits ? room / size : 0;
      return fits;
    });
  }
  std::int64_t values() const {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  }
};

// One file's rows, from the process that reads it.
class ForeignRows {
 public:
  ForeignRows(const std::filesystem::path& path, const std::vector<std::string>& arrays, const Hdf5Options& options,
              const std::string& program)
      : path_(path), process_(command(path, arrays, options, program), options.stall_seconds) {
    asked([this] { read_head(); });
  }

  const std::vector<ArrayForm>& forms() const { return forms_; }
  bool at_end() const { return row_ == rows_; }
  std::string key() const { return path_.stem().string() + ":" + zero_padded(row_, 6); }  // of the next row
  // The values of the next row, one string an array.
  std::vector<std::string> next() {
    std::vector<std::string> values;
    asked([this, &values] {
      if (read_number<char>(process_) == kErrorFollows) refuse(read_text(process_, kLongestMember));
      for (const ArrayForm& form : forms_) values.push_back(read_value(form));
    });
    ++row_;
    return values;
  }

 private:
  static std::vector<std::string> command(const std::filesystem::path& path, const std::vector<std::string>& arrays,
                                          const Hdf5Options& options, const std::string& program) {
    std::vector<std::string> words{program, kReadHdf5, std::to_string(options.memory_mb), path.string()};
    words.insert(words.end(), arrays.begin(), arrays.end());
    return words;
  }

  [[noreturn]] void refuse(const std::string& rule) const { throw InputError(path_.string(), "", rule); }

  // What is wrong with the process is told as an error of its file.
  template <class Question>
  void asked(const Question& question) const {
    try {
      question();
    } catch (const IoError& error) {
      refuse("at row " + std::to_string(row_) + ": " + error.what() + " (data.hdf5.memory_mb bounds it)");
    } catch (const nlohmann::json::exception&) {
      refuse(kLedAstray);
    }
  }

  void read_head() {
    if (read_number<char>(process_) == kErrorFollows) refuse(read_text(process_, kLongestHead));
    const auto head = nlohmann::json::parse(read_text(process_, kLongestHead));
    rows_ = head.at("rows").get<std::int64_t>();
    for (const auto& form : head.at("arrays")) {
      forms_.push_back({form.at("name"), form.at("kind"), form.at("scale"), form.at("shape")});
      if (!forms_.back().sensible()) refuse(kLedAstray);
    }
  }

  std::string read_value(const ArrayForm& form) {
    if (form.kind == "text") return read_text(process_, kLongestMember);
    const std::size_t size = form.kind == "bytes" ? 1 : form.kind == "floats" ? sizeof(float) : sizeof(double);
    return read_exactly(process_, size * static_cast<std::size_t>(form.values()));
  }

  std::filesystem::path path_;
  ProgramReader process_;
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
               const std::string& program)
      : options_(std::move(options)),
        request_(std::move(request)),
        files_(
            std::move(files),
            [this, program](const std::filesystem::path& path) {
              return std::make_unique<ForeignRows>(path, arrays(), options_, program);
            },
            options_.damaged) {}

  std::optional<Members> next() override {
    return files_.next(request_, [this](ForeignRows& rows) { return next_of(rows); });
  }

 private:
  // Those of fields, then those of roles.
  std::vector<std::string> arrays() const {
    std::vector<std::string> names = options_.fields;
    for (const auto& [name, role] : request_.roles) {
      for (const std::string& array : role.members) {
        if (array != kJsonMember) names.push_back(array);
      }
    }
    return names;
  }

  std::optional<Members> next_of(ForeignRows& rows) const {
    while (!rows.at_end()) {
      const std::string key = rows.key();
      const auto values = rows.next();
      if (request_.wants_key(key)) return members_of(key, rows.forms(), values);
    }
    return std::nullopt;
  }

  Members members_of(const std::string& key, const std::vector<ArrayForm>& forms,
                     const std::vector<std::string>& values) const {
    Members members{.key = key};
    try {
      for (std::size_t array = 0; array < values.size(); ++array) add(members, forms[array], values[array]);
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

  Hdf5Options options_;
  MemberRequest request_;
  FilesInARow<ForeignRows> files_;
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
