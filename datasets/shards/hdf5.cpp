#include "datasets/shards/hdf5.h"

#include <hdf5.h>

#include "base/errors.h"

namespace palimpsest {

namespace {

static_assert(sizeof(hid_t) == sizeof(std::int64_t));

constexpr std::size_t kGrowth = 1 << 16;       // bytes by which a file in memory grows
constexpr hsize_t kHeaderBlock = 1 << 14;      // headers are gathered in blocks of this size
constexpr std::int64_t kLeastDeflated = 1024;  // bytes; a smaller array is not worth a second filter

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

void check(bool fine, const char* what) { TORCH_CHECK(fine, "Hdf5Writer: libhdf5 failed to ", what); }

// The oldest form of a file: its superblock has no checksum. That of the later ones is wrong in what H5Fget_file_image
// gives, for the library (1.10) clears the flag of an open file there and leaves the sum as it was.
hid_t memory_access() {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, kGrowth, false);
  H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
  H5Pset_meta_block_size(access, kHeaderBlock);
  return access;
}

hid_t stored_type(std::int64_t width) {
  return width == 1 ? H5T_STD_U8LE : width == 2 ? H5T_STD_U16LE : width == 4 ? H5T_STD_U32LE : H5T_STD_I64LE;
}

std::int64_t smallest_width(const at::Tensor& values) {
  if (values.numel() == 0) return 1;
  const std::int64_t low = values.min().item<std::int64_t>(), high = values.max().item<std::int64_t>();
  if (low < 0 || high > 0xFFFFFFFFll) return 8;
  return high <= 0xFF ? 1 : high <= 0xFFFF ? 2 : 4;
}

// Where the one chunk of an array lies, once it is written.
ArrayPlace find_chunk(hid_t file, const std::string& path, ArrayPlace place) {
  const Handle dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  std::vector<hsize_t> offset(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)), 0);
  unsigned skipped = 0;
  haddr_t address = 0;
  hsize_t size = 0;
  check(H5Dget_chunk_info(dataset, space, 0, offset.data(), &skipped, &address, &size) >= 0, "tell a chunk's place");
  place.begin = static_cast<std::int64_t>(address);
  place.bytes = static_cast<std::int64_t>(size);
  check(skipped == 0, "filter a chunk");
  return place;
}

}  // namespace

// Values as they lie in memory.
struct Hdf5Writer::Values {
  hid_t native;
  std::int64_t width;
  std::vector<hsize_t> shape;
  const void* data;
};

Hdf5Writer::Hdf5Writer(std::int64_t deflate) : deflate_(deflate) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are told by what is thrown
  const Handle access(memory_access(), H5Pclose), creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  H5Pset_istore_k(creation, 1);  // an array is one chunk: the smallest index of chunks
  file_ = H5Fcreate("shard", H5F_ACC_TRUNC, creation, access);
  check(file_ >= 0, "make a file in memory");
}

Hdf5Writer::~Hdf5Writer() { H5Fclose(file_); }

ArrayPlace Hdf5Writer::write_array(const std::string& path, const Values& values, std::int64_t deflate) {
  ArrayPlace place;
  place.width = values.width;
  place.count = 1;
  for (const hsize_t extent : values.shape) place.count *= static_cast<std::int64_t>(extent);
  place.deflated = deflate > 0 && place.count * place.width >= kLeastDeflated;
  {
    const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose), creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_obj_track_times(creation, false);
    if (place.count > 0) H5Pset_chunk(creation, static_cast<int>(values.shape.size()), values.shape.data());
    if (place.deflated) {
      H5Pset_shuffle(creation);
      H5Pset_deflate(creation, static_cast<unsigned>(deflate));
    }
    const Handle space(H5Screate_simple(static_cast<int>(values.shape.size()), values.shape.data(), nullptr), H5Sclose);
    const Handle dataset(H5Dcreate2(file_, path.c_str(), stored_type(place.width), space, links, creation, H5P_DEFAULT),
                         H5Dclose);
    check(dataset >= 0, "make an array");
    check(H5Dwrite(dataset, values.native, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data) >= 0, "write an array");
  }
  return place.count > 0 ? find_chunk(file_, path, place) : place;
}

ArrayPlace Hdf5Writer::write(const std::string& path, const at::Tensor& values) {
  const at::Tensor whole = values.to(at::kLong).contiguous();
  const std::vector<hsize_t> shape(whole.sizes().begin(), whole.sizes().end());
  return write_array(path, {H5T_NATIVE_INT64, smallest_width(whole), shape, whole.const_data_ptr()}, deflate_);
}

ArrayPlace Hdf5Writer::write(const std::string& path, std::string_view bytes) {
  return write_array(path, {H5T_NATIVE_UINT8, 1, {bytes.size()}, bytes.data()}, deflate_);
}

ArrayPlace Hdf5Writer::write_plain(const std::string& path, std::string_view bytes) {
  return write_array(path, {H5T_NATIVE_UINT8, 1, {bytes.size()}, bytes.data()}, 0);
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

}  // namespace palimpsest
