#include "datasets/sources/hdf5_source.h"

#include <gmock/gmock.h>
#include <hdf5.h>

#include "base/errors.h"
#include "tests/datasets/small_data.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

template <class Value>
void write_rows(hid_t file, const char* name, hid_t type, const std::vector<hsize_t>& shape,
                const std::vector<Value>& values) {
  const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  const hid_t array = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  ASSERT_GE(H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  H5Dclose(array);
  H5Sclose(space);
}

hid_t text_type(std::size_t size) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, size);
  return type;
}

// Three rows of everything that a role can be made of.
void write_arrays(const std::filesystem::path& path) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  std::vector<std::uint8_t> pixels(3 * 2 * 4 * 3);
  for (std::size_t at = 0; at < pixels.size(); ++at) pixels[at] = static_cast<std::uint8_t>(at);
  write_rows(file, "images", H5T_NATIVE_UINT8, {3, 2, 4, 3}, pixels);
  write_rows(file, "planes", H5T_NATIVE_UINT8, {3, 3, 2, 4}, pixels);
  write_rows<const char*>(file, "captions", text_type(H5T_VARIABLE), {3}, {"one", "two cats", "three"});
  write_rows<char>(file, "names", text_type(4), {3}, {'a', 0, 0, 0, 'b', 'c', 'd', 'e', 'f', 'g', 0, 0});
  write_rows<int>(file, "labels", H5T_NATIVE_INT, {3}, {5, -1, 7});
  write_rows<short>(file, "sounds", H5T_NATIVE_SHORT, {3, 2}, {0, 16384, -32768, 1, 2, 3});
  write_rows<int>(file, "others", H5T_NATIVE_INT, {2}, {1, 2});
  H5Fclose(file);
}

RoleOptions array_role(const std::string& kind, const std::string& array) {
  RoleOptions role;
  role.kind = kind;
  role.members = {array};
  return role;
}

class Hdf5Source : public testing::Test {
 protected:
  Hdf5Source() { write_arrays(scratch_ / "set.h5"); }

  std::vector<ReadResult> read(const std::map<std::string, RoleOptions>& roles,
                               const std::string& file = "set.h5") const {
    return read_all(*hdf5_source({scratch_ / file}, options_, {roles, {}}, PALIMPSEST_PROGRAM));
  }
  std::string refusal(const std::map<std::string, RoleOptions>& roles, const std::string& file = "set.h5") const {
    return message_of<InputError>([&] { read(roles, file); });
  }
  ScratchFolder scratch_;
  Hdf5Options options_;
};

TEST_F(Hdf5Source, RowsOfArraysAreSamples) {
  options_.fields = {"labels", "names"};
  const auto results = read({{"caption", array_role("text", "captions")},
                             {"picture", array_role("image", "/images")},
                             {"speech", array_role("audio", "sounds")}});
  ASSERT_EQ(results.size(), 3u);
  const Sample& second = results[1].sample;
  ASSERT_EQ(results[1].error, "");
  EXPECT_EQ(second.key, "set:000001");
  EXPECT_EQ(caption_of(second), "two cats");
  EXPECT_EQ(second.meta.at("labels"), -1);
  EXPECT_EQ(second.meta.at("names"), "bcde");
  const at::Tensor pixels_HWC = std::get<Image>(second.roles.at("picture")).pixels_HWC;
  EXPECT_TRUE(at::equal(pixels_HWC, at::arange(24, 48, at::kByte).view({2, 4, 3})));
  const Audio& speech = std::get<Audio>(second.roles.at("speech"));
  EXPECT_EQ(speech.sample_rate, 16'000);
  EXPECT_TRUE(at::equal(speech.samples_N, at::tensor({-1.0f, 1.0f / 32768})));
}

TEST_F(Hdf5Source, PlanesOfColoursAreTurned) {
  const auto results = read({{"picture", array_role("image", "planes")}});
  const at::Tensor pixels_HWC = std::get<Image>(results.at(0).sample.roles.at("picture")).pixels_HWC;
  EXPECT_TRUE(at::equal(pixels_HWC, at::arange(24, at::kByte).view({3, 2, 4}).permute({1, 2, 0})));
}

TEST_F(Hdf5Source, WhatIsWrongIsSaid) {
  EXPECT_THAT(refusal({{"caption", array_role("text", "caption")}}),
              HasSubstr("set.h5: has no array 'caption'; did you mean 'captions'?"));
  EXPECT_THAT(refusal({{"caption", array_role("text", "captions")}, {"x", array_role("text", "others")}}),
              HasSubstr("array others: has 2 rows, another 3"));
  scratch_.write("text.h5", "this is no HDF5\n");
  EXPECT_THAT(refusal({{"caption", array_role("text", "captions")}}, "text.h5"), HasSubstr("text.h5: is no HDF5 file"));
  const auto wrong = read({{"caption", array_role("text", "images")}});
  EXPECT_THAT(wrong.at(0).error, HasSubstr("set:000000.images: is image, not text"));
}

TEST_F(Hdf5Source, AReaderOutOfMemoryIsAnErrorOfTheFileAlone) {
  const hid_t file = H5Fcreate((scratch_ / "wide.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t shape[] = {2, 200 << 20}, chunk[] = {1, 200 << 20};
  const hid_t space = H5Screate_simple(2, shape, nullptr), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);  // never written: a row of 200 MB in a file of few bytes
  H5Dclose(H5Dcreate2(file, "wide", H5T_NATIVE_UINT8, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Pclose(creation);
  H5Sclose(space);
  H5Fclose(file);
  options_.memory_mb = 100;
  EXPECT_THAT(refusal({{"picture", array_role("image", "wide")}}, "wide.h5"), HasSubstr("wide.h5: "));
  options_.damaged = DamagedFile::kSkip;
  const auto skipped = read({{"picture", array_role("image", "wide")}}, "wide.h5");
  ASSERT_EQ(skipped.size(), 1u);
  EXPECT_EQ(skipped[0].sample.key, "wide.h5");
  EXPECT_THAT(skipped[0].error, HasSubstr("wide.h5: "));
}

TEST_F(Hdf5Source, ADamagedFileNeverEndsThisProgram) {
  const std::string whole = scratch_.read("set.h5");
  options_.damaged = DamagedFile::kSkip;
  options_.stall_seconds = 20;
  for (const std::size_t place : {100u, 400u, 900u, 1500u, 2100u}) {
    std::string bytes = whole;
    for (std::size_t at = place; at < place + 40 && at < bytes.size(); ++at) bytes[at] = static_cast<char>(0xA5 ^ at);
    scratch_.write("bad.h5", bytes);
    EXPECT_LE(read({{"caption", array_role("text", "captions")}}, "bad.h5").size(), 4u) << place;
  }
  scratch_.write("cut.h5", whole.substr(0, whole.size() / 2));
  const auto cut = read({{"caption", array_role("text", "captions")}}, "cut.h5");
  ASSERT_GE(cut.size(), 1u);
  EXPECT_THAT(cut.back().error, HasSubstr("cut.h5: "));
}

}  // namespace
}  // namespace palimpsest
