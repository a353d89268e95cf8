#include "datasets/sources/idx_source.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "datasets/sources/open_source.h"
#include "tests/datasets/small_data.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

std::string idx_bytes(const std::vector<int>& sizes, const std::string& items, char type = 0x08) {
  std::string bytes{'\0', '\0', type, static_cast<char>(sizes.size())};
  for (const int size : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xFF);
  }
  return bytes + items;
}

// Three pictures of 2 x 3, the pixels counted up from 0; labels 1, 0, 7.
class IdxSource : public testing::Test {
 protected:
  IdxSource() {
    std::string pixels;
    for (char value = 0; value < 18; ++value) pixels += value;
    pictures_ = idx_bytes({3, 2, 3}, pixels);
    data_.source = scratch_.write("tiny-images-idx3-ubyte", pictures_).string();
    data_.idx.labels = scratch_.write("tiny-labels-idx1-ubyte", idx_bytes({3}, std::string("\1\0\7", 3))).string();
    data_.idx.classes = {"trouser", "shirt"};
    data_.roles["picture"].kind = "image";
    data_.roles["picture"].members = {"image"};
    data_.roles["caption"].kind = "text";
    data_.roles["caption"].members = {"json"};
    data_.roles["caption"].field = "class";
    data_.splits["all"] = {};
  }
  std::vector<ReadResult> read() const { return read_all(*open_source(data_, "all")); }
  std::string refusal() const {
    return message_of<InputError>([this] { read(); });
  }
  ScratchFolder scratch_;
  DataOptions data_;
  std::string pictures_;
};

TEST_F(IdxSource, PicturesAndTheNamesOfTheirLabels) {
  const auto results = read();
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].sample.key, "tiny-images-idx3-ubyte:000000");
  EXPECT_EQ(caption_of(results[0].sample), "shirt");
  EXPECT_EQ(caption_of(results[1].sample), "trouser");
  EXPECT_EQ(results[1].sample.meta.at("label"), 0);
  EXPECT_THAT(results[2].error, HasSubstr("label 7 has no name"));
  const at::Tensor pixels_HWC = std::get<Image>(results[1].sample.roles.at("picture")).pixels_HWC;
  ASSERT_EQ(pixels_HWC.sizes(), (at::IntArrayRef{2, 3, 3}));
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    EXPECT_TRUE(at::equal(pixels_HWC.select(2, channel).reshape({-1}), at::arange(6, 12, at::kByte)));
  }
}

TEST_F(IdxSource, PackedIsTheSame) {
  ASSERT_EQ(std::system(("gzip '" + data_.source + "'").c_str()), 0);
  data_.source += ".gz";
  const auto results = read();
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].sample.key, "tiny-images-idx3-ubyte:000000");
}

TEST_F(IdxSource, ColouredPicturesKeepTheirColours) {
  data_.source = scratch_.write("c-images-idx3-ubyte", idx_bytes({3, 1, 2, 3}, pictures_.substr(16))).string();
  const at::Tensor pixels_HWC = std::get<Image>(read()[0].sample.roles.at("picture")).pixels_HWC;
  EXPECT_TRUE(at::equal(pixels_HWC.reshape({-1}), at::arange(6, at::kByte)));
}

TEST_F(IdxSource, WhatIsWrongWithAFileIsSaid) {
  const auto with = [this](const std::string& bytes) {
    data_.source = scratch_.write("bad-images-idx3-ubyte", bytes).string();
    return refusal();
  };
  EXPECT_THAT(with("PK"), HasSubstr("bad-images-idx3-ubyte: is no IDX file"));
  EXPECT_THAT(with(idx_bytes({3, 2, 3}, "", 0x0D)), HasSubstr("does not hold unsigned bytes"));
  EXPECT_THAT(with(pictures_.substr(0, 10)), HasSubstr("is cut within its header"));
  EXPECT_THAT(with(pictures_.substr(0, 30)), HasSubstr("is cut: fewer items"));
  EXPECT_THAT(with(pictures_ + "x"), HasSubstr("goes on after the items"));
  EXPECT_THAT(with(idx_bytes({3, 6}, pictures_.substr(16))), HasSubstr("holds no pictures"));
  EXPECT_THAT(with(idx_bytes({3, 0x7FFFFFFF, 0x7FFFFFFF}, "")), HasSubstr("no sensible size"));
  EXPECT_THAT(with(idx_bytes({2, 3, 3}, pictures_.substr(16))), HasSubstr("has 3 labels, bad-images-idx3-ubyte 2"));
}

}  // namespace
}  // namespace palimpsest
