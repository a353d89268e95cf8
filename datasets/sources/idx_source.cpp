// Shapes: N pictures, H rows, W columns, C channels (3, RGB).
#include "datasets/sources/idx_source.h"

#include <cstring>
#include <numeric>

#include "base/errors.h"
#include "base/zero_padded.h"
#include "datasets/sources/identity.h"
#include "datasets/sources/packed_file.h"

namespace palimpsest {

namespace {

constexpr std::uint8_t kBytes = 0x08;  // the element type, of those that IDX has, that pictures and labels are in
constexpr std::int64_t kLargestItem = 64'000'000;

// One IDX file, item by item along its first dimension.
class IdxFile {
 public:
  IdxFile(const std::filesystem::path& path, const ArchiveOpener& open) : file_(path, open) {
    const std::string head = file_.read(4);
    if (head.size() < 4 || head[0] != 0 || head[1] != 0) refuse("is no IDX file");
    if (static_cast<std::uint8_t>(head[2]) != kBytes) refuse("does not hold unsigned bytes");
    for (int left = head[3]; left > 0; --left) sizes_.push_back(read_size());
    if (sizes_.empty()) refuse("has no dimension");
    std::int64_t size = 1;
    for (std::size_t axis = 1; axis < sizes_.size(); ++axis) {
      if (sizes_[axis] == 0 || sizes_[axis] > kLargestItem / size) refuse("has items of no sensible size");
      size *= sizes_[axis];
    }
    item_size_ = static_cast<std::size_t>(size);
  }

  std::int64_t count() const { return sizes_.front(); }
  std::vector<std::int64_t> shape() const { return {sizes_.begin() + 1, sizes_.end()}; }
  std::string next() {
    std::string item = file_.read(item_size_);
    if (item.size() < item_size_) refuse("is cut: fewer items than its header says");
    return item;
  }
  void check_end() {
    if (!file_.read(1).empty()) refuse("goes on after the items that its header says");
  }
  [[noreturn]] void refuse(const std::string& rule) const { throw InputError(file_.path().string(), "", rule); }

 private:
  std::int64_t read_size() {
    const std::string bytes = file_.read(4);
    if (bytes.size() < 4) refuse("is cut within its header");
    return std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0},
                           [](std::int64_t sum, char byte) { return sum * 256 + static_cast<std::uint8_t>(byte); });
  }

  PackedFile file_;
  std::vector<std::int64_t> sizes_;
  std::size_t item_size_ = 0;
};

std::string key_of_item(const std::filesystem::path& path, std::int64_t index) {
  const std::string name = path.filename().string();
  return name.substr(0, name.find('.')) + ":" + zero_padded(index, 6);
}

class IdxReader : public MemberReader {
 public:
  IdxReader(const std::filesystem::path& pictures, const IdxOptions& options, MemberRequest request)
      : path_(pictures), pictures_(pictures, request.archives), options_(options), request_(std::move(request)) {
    const auto shape = pictures_.shape();
    const bool grey = shape.size() == 2, coloured = shape.size() == 3 && shape[2] == 3;
    if (!grey && !coloured) pictures_.refuse("holds no pictures: its items are neither [H,W] nor [H,W,3]");
    if (options_.labels.empty()) return;
    labels_.emplace(find_data(options_.labels, "data.idx.labels"), request_.archives);
    if (!labels_->shape().empty()) labels_->refuse("holds no labels: its items are no single numbers");
    if (labels_->count() != pictures_.count()) {
      labels_->refuse("has " + std::to_string(labels_->count()) + " labels, " + pictures.filename().string() + " " +
                      std::to_string(pictures_.count()) + " pictures");
    }
  }

  std::optional<Members> next() override {
    while (index_ < pictures_.count()) {
      const std::string picture = pictures_.next(), label = labels_ ? labels_->next() : "";
      const std::string key = key_of_item(path_, index_++);
      if (request_.wants_key(key)) return members_of(key, picture, label);
    }
    pictures_.check_end();
    return std::nullopt;
  }

 private:
  Members members_of(const std::string& key, const std::string& picture, const std::string& label) const {
    Members members{.key = key};
    members.media.emplace("image", image_of(picture));
    if (label.empty()) return members;
    const auto number = static_cast<std::uint8_t>(label.front());
    members.fields["label"] = number;
    if (options_.classes.empty()) return members;
    if (number < options_.classes.size()) {
      members.fields["class"] = options_.classes[number];
    } else {
      members.error = "label " + std::to_string(number) + " has no name in data.idx.classes";
    }
    return members;
  }

  Image image_of(const std::string& picture) const {
    const std::vector<std::int64_t> shape = pictures_.shape();
    at::Tensor pixels_HWC = at::empty(shape, at::kByte);
    std::memcpy(pixels_HWC.mutable_data_ptr(), picture.data(), picture.size());
    if (shape.size() == 2) pixels_HWC = pixels_HWC.unsqueeze(-1);
    return {pixels_HWC.expand({shape.at(0), shape.at(1), 3}).contiguous()};
  }

  std::filesystem::path path_;
  IdxFile pictures_;
  std::optional<IdxFile> labels_;
  IdxOptions options_;
  MemberRequest request_;
  std::int64_t index_ = 0;
};

std::string identity_of_idx(const DataOptions& data) {
  std::vector<std::filesystem::path> files{find_data(data.source, "data.source")};
  if (!data.idx.labels.empty()) files.push_back(find_data(data.idx.labels, "data.idx.labels"));
  return identity_of_files(files);
}

}  // namespace

std::unique_ptr<Source> idx_source(const std::filesystem::path& pictures, const IdxOptions& options,
                                   MemberRequest request) {
  return member_source(std::make_unique<IdxReader>(pictures, options, request), request);
}

SourceForm idx_form() {
  return {
      "idx",
      "IDX (MNIST and its family): pictures as the member image, labels as the fields label and class",
      "idx",
      [](const std::filesystem::path& path) {
        return path.filename().string().find("idx3-ubyte") != std::string::npos;
      },
      identity_of_idx,
      [](const DataOptions& data, MemberRequest request) {
        return idx_source(find_data(data.source, "data.source"), data.idx, std::move(request));
      },
  };
}

}  // namespace palimpsest
