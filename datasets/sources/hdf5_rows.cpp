#include "datasets/sources/hdf5_rows.h"

#include <hdf5.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "base/apart_stream.h"
#include "base/errors.h"
#include "datasets/sources/members.h"

namespace palimpsest {

namespace {

constexpr std::size_t kBlockBytes = 4 << 20;   // read at once of each array
constexpr std::size_t kChunkCache = 64 << 20;  // of each array

// One id of libhdf5, closed by the function it came with.
class ForeignHandle {
 public:
  ForeignHandle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ForeignHandle(ForeignHandle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  ~ForeignHandle() {
    if (id_ >= 0) close_(id_);
  }
  ForeignHandle(const ForeignHandle&) = delete;
  ForeignHandle& operator=(const ForeignHandle&) = delete;
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

herr_t refuse_link(const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) { return -1; }

hid_t array_access() {
  const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(access, 12'421, kChunkCache, H5D_CHUNK_CACHE_W0_DEFAULT);
  H5Pset_elink_cb(access, refuse_link, nullptr);
  return access;
}

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

std::vector<std::string> names_in(hid_t file) {
  std::vector<std::string> names;
  hsize_t at = 0;
  H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, &at, collect_name, &names);
  return names;
}

// One array, read block by block along its first dimension.
class RowArray {
 public:
  RowArray(hid_t file, const std::string& name) : name_(name), dataset_(open(file, name), H5Dclose) {
    const ForeignHandle creation(H5Dget_create_plist(dataset_), H5Pclose);
    if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) > 0) refuse("lies in other files");
    const ForeignHandle space(H5Dget_space(dataset_), H5Sclose);
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 1 || rank > 4) refuse("must have one to four dimensions, the first of them the rows");
    extents_.resize(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space, extents_.data(), nullptr);
    for (std::size_t axis = 1; axis < extents_.size(); ++axis) {
      if (extents_[axis] == 0 || extents_[axis] > static_cast<hsize_t>(kLongestMember) / values_)
        refuse("has rows of no sensible size");
      values_ *= extents_[axis];
    }
    find_kind();
  }

  std::uint64_t rows() const { return extents_.front(); }
  std::size_t bytes_a_row() const { return values_ * element_; }

  nlohmann::json form() const {
    return {{"name", name_},
            {"kind", kind_},
            {"scale", scale_},
            {"shape", std::vector<hsize_t>(extents_.begin() + 1, extents_.end())}};
  }

  void read(std::uint64_t first, std::uint64_t count) {
    std::vector<hsize_t> start(extents_.size(), 0), size = extents_;
    start.front() = first;
    size.front() = count;
    const ForeignHandle from(H5Dget_space(dataset_), H5Sclose);
    const ForeignHandle to(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr), H5Sclose);
    H5Sselect_hyperslab(from, H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr);
    block_.assign(count * bytes_a_row(), '\0');
    if (H5Dread(dataset_, memory_, to, from, H5P_DEFAULT, block_.data()) < 0) {
      refuse("cannot be read from row " + std::to_string(first) + " on");
    }
    if (!variable_) return;
    texts_.clear();
    for (std::uint64_t row = 0; row < count; ++row) {
      const char* text = nullptr;
      std::memcpy(&text, block_.data() + row * sizeof text, sizeof text);
      texts_.emplace_back(text ? text : "");
    }
    H5Dvlen_reclaim(memory_, to, H5P_DEFAULT, block_.data());
  }

  void write_row(std::uint64_t row, const ApartWriter& out) const {
    if (variable_) return out.text(texts_.at(row));
    const std::string_view bytes = std::string_view(block_).substr(row * bytes_a_row(), bytes_a_row());
    if (kind_ != "text") return out.bytes(bytes);
    out.text(bytes.substr(0, std::min(bytes.find('\0'), bytes.size())));
  }

 private:
  [[noreturn]] void refuse(const std::string& rule) const { throw std::runtime_error("array " + name_ + ": " + rule); }

  static hid_t open(hid_t file, const std::string& name) {
    const ForeignHandle access(array_access(), H5Pclose);
    const hid_t dataset = H5Dopen2(file, name.c_str(), access);
    if (dataset < 0) throw std::runtime_error("has no array '" + name + "'" + suggest(name, names_in(file)));
    return dataset;
  }

  void find_kind() {
    const ForeignHandle type(H5Dget_type(dataset_), H5Tclose);
    const H5T_class_t kind = H5Tget_class(type);
    const std::size_t size = H5Tget_size(type);
    if (kind == H5T_STRING) return find_text(type);
    if (kind != H5T_INTEGER && kind != H5T_FLOAT) refuse("holds neither numbers nor texts");
    if (extents_.size() == 1) return take("number", H5T_NATIVE_DOUBLE, sizeof(double));
    const bool bytes = kind == H5T_INTEGER && size == 1 && H5Tget_sign(type) == H5T_SGN_NONE;
    if (bytes) return take("bytes", H5T_NATIVE_UINT8, 1);
    if (kind == H5T_INTEGER && size == 2) scale_ = 32'768.0;
    if (kind == H5T_INTEGER && size > 2) refuse("holds whole numbers of more than 16 bits");
    take("floats", H5T_NATIVE_FLOAT, sizeof(float));
  }
  void find_text(hid_t type) {
    if (extents_.size() != 1) refuse("holds several texts a row");
    variable_ = H5Tis_variable_str(type) > 0;
    const std::size_t size = variable_ ? sizeof(char*) : H5Tget_size(type);
    take("text", H5Tcopy(type), size);  // ids of the program's own types live as long as it does
  }
  void take(const char* kind, hid_t memory, std::size_t element) {
    kind_ = kind;
    memory_ = memory;
    element_ = element;
  }

  std::string name_;
  ForeignHandle dataset_;
  std::vector<hsize_t> extents_;
  hsize_t values_ = 1;  // a row
  std::string kind_;
  double scale_ = 1.0;
  hid_t memory_ = -1;  // the type in memory
  std::size_t element_ = 1;
  bool variable_ = false;
  std::string block_;
  std::vector<std::string> texts_;  // of the block, where their lengths vary
};

std::vector<RowArray> open_arrays(hid_t file, const std::vector<std::string>& names) {
  std::vector<RowArray> arrays;
  for (const std::string& name : names) arrays.emplace_back(file, name);
  for (const RowArray& array : arrays) {
    if (array.rows() != arrays.front().rows()) {
      throw std::runtime_error("array " + array.form().at("name").get<std::string>() + ": has " +
                               std::to_string(array.rows()) + " rows, another " +
                               std::to_string(arrays.front().rows()));
    }
  }
  return arrays;
}

void write_rows(std::vector<RowArray>& arrays, const ApartWriter& out) {
  std::size_t widest = 1;
  for (const RowArray& array : arrays) widest = std::max(widest, array.bytes_a_row());
  const std::uint64_t rows = arrays.front().rows(), step = std::max<std::uint64_t>(1, kBlockBytes / widest);
  for (std::uint64_t first = 0; first < rows; first += step) {
    out.flush();  // what comes next may end this process
    const std::uint64_t count = std::min(step, rows - first);
    for (RowArray& array : arrays) array.read(first, count);
    for (std::uint64_t row = 0; row < count; ++row) {
      out.byte(kRowFollows);
      for (const RowArray& array : arrays) array.write_row(row, out);
    }
  }
}

void write_file(const std::string& path, const std::vector<std::string>& names, const ApartWriter& out) {
  const ForeignHandle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (file < 0) throw std::runtime_error("is no HDF5 file");
  auto arrays = open_arrays(file, names);
  nlohmann::json head{{"rows", arrays.front().rows()}, {"arrays", nlohmann::json::array()}};
  for (const RowArray& array : arrays) head["arrays"].push_back(array.form());
  out.byte(kHeadFollows);
  out.text(head.dump());
  write_rows(arrays, out);
}

}  // namespace

void write_hdf5_rows(const std::string& path, const std::vector<std::string>& arrays, const ApartWriter& out) {
  ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);  // data may lie where nobody may write
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLset_loading_state(0);
  try {
    write_file(path, arrays, out);
  } catch (const std::exception& error) {
    out.byte(kErrorFollows);
    out.text(error.what());
  }
}

int serve_hdf5_rows(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) return 2;
  bound_own_process(std::stoul(arguments[0]));
  const ApartWriter out;
  write_hdf5_rows(arguments[1], {arguments.begin() + 2, arguments.end()}, out);
  return out.flush() ? 0 : 1;
}

}  // namespace palimpsest
