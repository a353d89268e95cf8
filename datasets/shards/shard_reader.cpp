#include "datasets/shards/shard_reader.h"

#include <ATen/ops/empty.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kBoundLongest = std::int64_t{1} << 31;  // values of an array, so that sizes stay sizes

class ReadOnlyFile {
 public:
  explicit ReadOnlyFile(const std::filesystem::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0 && errno == ENOENT) throw InputError(path.string(), "", "is in the manifest but not there");
    if (descriptor_ < 0) fail("cannot open");
  }
  ~ReadOnlyFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  ReadOnlyFile(const ReadOnlyFile&) = delete;
  ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;

  std::int64_t size() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail("cannot tell the size");
    return status.st_size;
  }
  std::string read(std::int64_t begin, std::int64_t count) const {
    std::string bytes(static_cast<std::size_t>(count), '\0');
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t got = ::pread(descriptor_, bytes.data() + done, bytes.size() - done,
                                  static_cast<off_t>(begin) + static_cast<off_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("cannot read");
      if (got == 0) throw InputError(path_.string(), "", "ends early: it was cut while it was read");
      done += static_cast<std::size_t>(got);
    }
    return bytes;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw IoError(path_.string(), "", std::string(what) + ": " + std::generic_category().message(errno));
  }
  std::filesystem::path path_;
  int descriptor_;
};

// HDF5's shuffle undone: byte k of all values, for each k in turn, made values again.
std::string unshuffled(const std::string& planes, std::int64_t width) {
  const auto size = static_cast<std::size_t>(width), count = planes.size() / size;
  std::string values(planes.size(), '\0');
  for (std::size_t byte = 0; byte < size; ++byte) {
    for (std::size_t i = 0; i < count; ++i) values[i * size + byte] = planes[byte * count + i];
  }
  return values;
}

// Values of 1, 2, 4 unsigned or 8 signed bytes as int64.
std::vector<std::int64_t> widened(const std::string& bytes, std::int64_t width) {
  const auto size = static_cast<std::size_t>(width);
  std::vector<std::int64_t> values(bytes.size() / size, 0);
  for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(&values[i], bytes.data() + i * size, size);
  return values;
}

template <class Id>
bool all_below(const std::string& bytes, std::int64_t bound) {
  const std::size_t count = bytes.size() / sizeof(Id);
  Id lowest = 0, highest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Id id;
    std::memcpy(&id, bytes.data() + i * sizeof(Id), sizeof(Id));
    lowest = std::min(lowest, id);
    highest = std::max(highest, id);
  }
  return count == 0 || (lowest == 0 && static_cast<std::int64_t>(highest) < bound);
}

bool ids_lie_in(const std::string& bytes, std::int64_t width, std::int64_t bound) {
  if (width == 1) return all_below<std::uint8_t>(bytes, bound);
  if (width == 2) return all_below<std::uint16_t>(bytes, bound);
  if (width == 4) return all_below<std::uint32_t>(bytes, bound);
  return all_below<std::int64_t>(bytes, bound);
}

}  // namespace

ByteSource file_source(const std::filesystem::path& path) {
  const std::int64_t size = ReadOnlyFile(path).size();
  return {path.string(), size,
          [path](std::int64_t begin, std::int64_t count) { return ReadOnlyFile(path).read(begin, count); }};
}

ByteSource memory_source(std::string_view bytes, std::string name) {
  return {std::move(name), static_cast<std::int64_t>(bytes.size()), [bytes](std::int64_t begin, std::int64_t count) {
            return std::string(bytes.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)));
          }};
}

// One row group being read: its arrays by name, checked against the number of rows.
class ShardReader::GroupReader {
 public:
  GroupReader(const ShardReader& reader, std::size_t number)
      : reader_(reader), group_(reader.index_.groups.at(number)), name_("row group " + std::to_string(number)) {}

  TextColumn texts(const std::string& name) const {
    TextColumn column{bytes(name + "/values", 1), offsets(name)};
    check_end(column.offsets, static_cast<std::int64_t>(column.values.size()), name);
    return column;
  }
  RoleColumn role(const std::string& role, const CodeSpace& space) const {
    const std::string name = "roles/" + role;
    const ArrayPlace& place = array(name + "/values");
    std::string values = bytes(name + "/values", place.width);
    if (!ids_lie_in(values, place.width, space.size()))
      refuse(name + "/values", "holds an id outside 0.." + std::to_string(space.size() - 1));
    std::vector<std::int64_t> row_offsets = offsets(name);
    check_end(row_offsets, place.count, name);
    std::string present = bytes(name + "/present", 1);
    if (static_cast<std::int64_t>(present.size()) != group_.rows)
      refuse(name + "/present", "must have one entry a row");
    for (std::size_t row = 0; row < present.size(); ++row) {
      if (present[row] == 0 && row_offsets[row] != row_offsets[row + 1])
        refuse(name + "/present", "must be set where a row has ids");
    }
    return {std::move(values), place.width, std::move(row_offsets), std::move(present)};
  }

 private:
  [[noreturn]] void refuse(const std::string& array, const std::string& rule) const {
    throw InputError(reader_.source_.name, name_ + ", " + array, rule);
  }
  const ArrayPlace& array(const std::string& name) const {
    const auto found = group_.arrays.find(name);
    if (found == group_.arrays.end()) refuse(name, "is missing");
    return found->second;
  }
  std::string bytes(const std::string& name, std::int64_t width) const {
    const ArrayPlace& place = array(name);
    if (place.width != width) refuse(name, "must hold values of " + std::to_string(width) + " bytes");
    return reader_.read_array(place, name_ + ", " + name);
  }
  std::vector<std::int64_t> offsets(const std::string& name) const {
    const ArrayPlace& place = array(name + "/offsets");
    if (place.count != group_.rows + 1) refuse(name + "/offsets", "must have one entry more than there are rows");
    return widened(bytes(name + "/offsets", place.width), place.width);
  }
  void check_end(const std::vector<std::int64_t>& offsets, std::int64_t size, const std::string& name) const {
    if (offsets.front() != 0 || offsets.back() != size || !std::is_sorted(offsets.begin(), offsets.end()))
      refuse(name + "/offsets", "must rise from 0 to the number of values");
  }

  const ShardReader& reader_;
  const RowGroupPlace& group_;
  std::string name_;
};

ShardReader::ShardReader(ByteSource source, const ShardEntry& entry)
    : source_(std::move(source)), index_begin_(entry.index_begin), index_end_(entry.index_begin + entry.index_bytes) {
  if (source_.size != entry.bytes) {
    throw InputError(
        source_.name, "",
        "has " + std::to_string(source_.size) + " bytes, the manifest says " + std::to_string(entry.bytes));
  }
  if (index_begin_ < 0 || entry.index_bytes < 1 || entry.index_bytes > entry.bytes - index_begin_)
    throw InputError(source_.name, "index", "must lie within the file");
  index_ =
      ShardIndex::parse(read_sum(index_begin_, index_end_, entry.index_checksum, "index"), source_.name, source_.size);
  if (index_.rows() != entry.rows) throw InputError(source_.name, "rows", "are not those of the manifest");
}

std::string ShardReader::read_sum(std::int64_t begin, std::int64_t end, const std::string& sum,
                                  const std::string& what) const {
  std::string bytes = source_.read(begin, end - begin);
  if (hash64_hex(bytes) != sum) {
    throw InputError(
        source_.name, "",
        "is damaged: " + what + " (bytes " + std::to_string(begin) + ".." + std::to_string(end - 1) + ") differs");
  }
  return bytes;
}

std::string ShardReader::read_array(const ArrayPlace& place, const std::string& what) const {
  if (place.count > kBoundLongest / place.width) throw InputError(source_.name, what, "must stay below 2 GiB");
  if (place.count == 0) return {};
  std::string stored = read_sum(place.begin, place.begin + place.bytes, place.sum, what);
  if (!place.deflated) return stored;
  std::string planes(static_cast<std::size_t>(place.count * place.width), '\0');
  auto size = static_cast<uLongf>(planes.size());
  const int result = ::uncompress(reinterpret_cast<Bytef*>(planes.data()), &size,
                                  reinterpret_cast<const Bytef*>(stored.data()), static_cast<uLong>(stored.size()));
  if (result != Z_OK || size != planes.size()) throw InputError(source_.name, what, "cannot be inflated");
  return place.width == 1 ? planes : unshuffled(planes, place.width);
}

void ShardReader::verify_headers() const {
  read_sum(0, std::min(kSuperblockBytes, source_.size), index_.superblock, "superblock");
  std::string headers;
  for (const auto& [begin, end] : index_.header_ranges(source_.size, {index_begin_, index_end_}))
    headers += source_.read(begin, end - begin);
  if (hash64_hex(headers) != index_.headers) throw InputError(source_.name, "", "is damaged: headers differ");
  for (const auto& [role, place] : index_.layouts) layout_LA(role);
}

std::shared_ptr<const RowGroup> ShardReader::read_group(std::size_t number) const {
  const GroupReader reader(*this, number);
  std::map<std::string, RoleColumn> roles;
  for (const auto& [name, tokens] : index_.roles) roles.emplace(name, reader.role(name, tokens.space));
  return std::make_shared<const RowGroup>(reader.texts("key"), reader.texts("meta"), std::move(roles));
}

at::Tensor ShardReader::layout_LA(const std::string& role) const {
  const std::string what = "layout of " + role;
  const auto found = index_.layouts.find(role);
  if (found == index_.layouts.end()) throw InputError(source_.name, what, "is missing");
  const ArrayPlace& place = found->second;
  if (place.count % kAxes != 0) throw InputError(source_.name, what, "must be [L,3]");
  const std::vector<std::int64_t> values = widened(read_array(place, what), place.width);
  at::Tensor layout_LA = at::empty({place.count / kAxes, kAxes}, at::kInt);
  std::transform(values.begin(), values.end(), layout_LA.mutable_data_ptr<std::int32_t>(),
                 [](std::int64_t value) { return static_cast<std::int32_t>(value); });
  return layout_LA;
}

ShardReader open_shard(const std::filesystem::path& directory, const std::string& split, const Manifest& manifest,
                       const ShardEntry& entry) {
  ShardReader reader(file_source(directory / entry.file), entry);
  const std::string name = (directory / entry.file).string();
  reader.verify_headers();
  const ShardIndex& index = reader.index();
  if (index.split != split)
    throw InputError(name, "split", "is '" + index.split + "', the manifest says '" + split + "'");
  for (const auto& [role, tokens] : manifest.roles) {
    const auto found = index.roles.find(role);
    if (found == index.roles.end()) throw InputError(name, role, "is missing");
    if (!(found->second == tokens))
      throw InputError(name, role, "was made by another tokenizer than the manifest says");
  }
  return reader;
}

}  // namespace palimpsest
