#include "datasets/shards/hdf5.h"

#include <ATen/ops/empty.h>
#include <hdf5.h>

#include "base/errors.h"

namespace palimpsest {

namespace {

static_assert(sizeof(hid_t) == sizeof(std::int64_t));

constexpr std::size_t kGrowth = 1 << 16;  // bytes by which a file in memory grows

// One id of libhdf5, closed by the function it came with.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

void silence_library() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

void check(bool fine, const char* what) { TORCH_CHECK(fine, "Hdf5Writer: libhdf5 failed to ", what); }

// The oldest form of a file: its superblock has no checksum. That of the later ones is wrong in what H5Fget_file_image
// gives, for the library (1.10) clears the flag of an open file there and leaves the sum as it was.
hid_t memory_access() {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, kGrowth, false);
  H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
  return access;
}

hid_t smallest_type(const at::Tensor& values) {
  if (values.numel() == 0) return H5T_STD_U8LE;
  const std::int64_t low = values.min().item<std::int64_t>(), high = values.max().item<std::int64_t>();
  if (low < 0 || high > 0xFFFFFFFFll) return H5T_STD_I64LE;
  return high <= 0xFF ? H5T_STD_U8LE : high <= 0xFFFF ? H5T_STD_U16LE : H5T_STD_U32LE;
}

void write_array(hid_t file, const std::string& path, hid_t stored, hid_t native, const std::vector<hsize_t>& shape,
                 const void* data) {
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose), creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  H5Pset_obj_track_times(creation, false);
  const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
  const Handle dataset(H5Dcreate2(file, path.c_str(), stored, space, links, creation, H5P_DEFAULT), H5Dclose);
  check(dataset >= 0, "make an array");
  check(H5Dwrite(dataset, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, "write an array");
}

std::vector<std::int64_t> shape_of(hid_t dataset) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> extents(static_cast<std::size_t>(std::max(rank, 0)));
  H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  return {extents.begin(), extents.end()};
}

}  // namespace

Hdf5Writer::Hdf5Writer() {
  silence_library();
  const Handle access(memory_access(), H5Pclose), creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  file_ = H5Fcreate("shard", H5F_ACC_TRUNC, creation, access);
  check(file_ >= 0, "make a file in memory");
}

Hdf5Writer::~Hdf5Writer() { H5Fclose(file_); }

void Hdf5Writer::write(const std::string& path, const at::Tensor& values) {
  const at::Tensor whole = values.to(at::kLong).contiguous();
  const std::vector<hsize_t> shape(whole.sizes().begin(), whole.sizes().end());
  write_array(file_, path, smallest_type(whole), H5T_NATIVE_INT64, shape, whole.const_data_ptr());
}

void Hdf5Writer::write(const std::string& path, std::string_view bytes) {
  write_array(file_, path, H5T_STD_U8LE, H5T_NATIVE_UINT8, {bytes.size()}, bytes.data());
}

void Hdf5Writer::write_attribute(const std::string& name, std::string_view text) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose), space(H5Screate(H5S_SCALAR), H5Sclose);
  H5Tset_size(type, std::max<std::size_t>(text.size(), 1));
  H5Tset_cset(type, H5T_CSET_UTF8);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  const Handle attribute(H5Acreate2(file_, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  check(attribute >= 0 && H5Awrite(attribute, type, text.data()) >= 0, "write an attribute");
}

std::string Hdf5Writer::bytes() const {
  check(H5Fflush(file_, H5F_SCOPE_GLOBAL) >= 0, "flush");
  const ssize_t size = H5Fget_file_image(file_, nullptr, 0);
  check(size > 0, "tell a file's size");
  std::string image(static_cast<std::size_t>(size), '\0');
  check(H5Fget_file_image(file_, image.data(), image.size()) == size, "give a file's bytes");
  return image;
}

Hdf5Reader::Hdf5Reader(std::string_view bytes, std::string name) : name_(std::move(name)) {
  silence_library();
  const Handle access(memory_access(), H5Pclose);
  std::string copy(bytes);  // the library copies it once more
  H5Pset_file_image(access, copy.data(), copy.size());
  file_ = H5Fopen("shard", H5F_ACC_RDONLY, access);
  if (file_ < 0) throw InputError(name_, "", "is not an HDF5 file");
}

Hdf5Reader::~Hdf5Reader() { H5Fclose(file_); }

at::Tensor Hdf5Reader::read(const std::string& path) const {
  const Handle dataset(H5Dopen2(file_, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (dataset < 0) throw InputError(name_, path, "is missing");
  const Handle type(H5Dget_type(dataset), H5Tclose);
  if (H5Tget_class(type) != H5T_INTEGER) throw InputError(name_, path, "must hold integers");
  const at::Tensor values = at::empty(shape_of(dataset), at::kLong);
  if (H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.mutable_data_ptr()) < 0) {
    throw InputError(name_, path, "cannot be read");
  }
  return values;
}

std::string Hdf5Reader::read_bytes(const std::string& path) const {
  const Handle dataset(H5Dopen2(file_, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (dataset < 0) throw InputError(name_, path, "is missing");
  const auto shape = shape_of(dataset);
  if (shape.size() != 1) throw InputError(name_, path, "must be a line of bytes");
  std::string bytes(static_cast<std::size_t>(shape[0]), '\0');
  if (H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0) {
    throw InputError(name_, path, "cannot be read");
  }
  return bytes;
}

std::string Hdf5Reader::read_attribute(const std::string& name) const {
  if (H5Aexists(file_, name.c_str()) <= 0) throw InputError(name_, name, "is missing");
  const Handle attribute(H5Aopen(file_, name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute), H5Tclose);
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0)
    throw InputError(name_, name, "must be text of a fixed size");
  std::string text(H5Tget_size(type), '\0');
  if (H5Aread(attribute, type, text.data()) < 0) throw InputError(name_, name, "cannot be read");
  return text;
}

}  // namespace palimpsest
