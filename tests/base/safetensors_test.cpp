#include "base/safetensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/machine.h"
#include "base/random.h"
#include "tests/support/child.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"
#include "tests/support/soak.h"

namespace palimpsest {
namespace {

std::string with_header(const std::string& header, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>((header.size() >> (8 * i)) & 255);
  return bytes + header + std::string(data_bytes, '\1');
}

std::string file_rejection(const std::string& bytes) {
  return message_of<InputError>([&] { parse_safetensors(bytes, "w.safetensors"); });
}

std::string header_rejection(const std::string& header, std::size_t data_bytes) {
  return file_rejection(with_header(header, data_bytes));
}

TensorFile every_dtype() {
  TensorFile file;
  const at::Tensor values = normal(RandomKey::root(1).fold("tensors"), {3, 5}).mul(50);
  for (const c10::ScalarType dtype : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt,
                                      at::kShort, at::kChar, at::kByte, at::kBool}) {
    file.tensors[std::string("of ") + c10::toString(dtype)] = values.abs().to(dtype);
  }
  file.tensors["empty"] = at::empty({0, 4}, at::kFloat);
  file.tensors["scalar"] = at::scalar_tensor(2.5);
  file.tensors["transposed"] = values.t();
  file.metadata = {{"made", "by a test"}, {"unicode", "\xc3\xa9"}};
  return file;
}

void expect_same(const TensorFile& a, const TensorFile& b) {
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) {
    ASSERT_TRUE(b.tensors.contains(name)) << name;
    EXPECT_EQ(tensor.scalar_type(), b.tensors.at(name).scalar_type()) << name;
    EXPECT_TRUE(at::equal(tensor, b.tensors.at(name))) << name;
  }
}

TEST(Safetensors, RoundTripOfEveryDtype) {
  const ScratchFolder scratch;
  const TensorFile file = every_dtype();
  write_safetensors(scratch / "a.safetensors", file);
  expect_same(file, read_safetensors(scratch / "a.safetensors"));
}

TEST(Safetensors, SameContentGivesSameBytesAndAlignedTensors) {
  const std::string bytes = format_safetensors(every_dtype());
  EXPECT_EQ(bytes, format_safetensors(parse_safetensors(bytes, "again")));
  const auto header_bytes = static_cast<unsigned char>(bytes[0]) + 256u * static_cast<unsigned char>(bytes[1]);
  EXPECT_EQ(header_bytes % 8, 0u);
  const auto header = nlohmann::json::parse(bytes.substr(8, header_bytes));
  EXPECT_EQ(header["of Double"]["data_offsets"][0].get<int>() % 8, 0);
  EXPECT_EQ(header["of Float"]["data_offsets"][0].get<int>() % 4, 0);
  EXPECT_EQ(header["of Half"]["data_offsets"][0].get<int>() % 2, 0);
}

TEST(Safetensors, BytesOfASmallFile) {
  TensorFile file;
  file.tensors["x"] = at::tensor({1, 2}, at::kShort);
  const std::string header = R"({"x":{"data_offsets":[0,4],"dtype":"I16","shape":[2]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  std::string expected = with_header(padded, 0);
  expected += std::string("\1\0\2\0", 4);
  EXPECT_EQ(format_safetensors(file), expected);
}

TEST(Safetensors, RefusesABadHeader) {
  EXPECT_EQ(file_rejection("abc"), "w.safetensors: header: the file ends inside the 8-byte header length");
  EXPECT_EQ(file_rejection(std::string(8, '\xff')),
            "w.safetensors: header: length must be at most 100000000 bytes, got 18446744073709551615");
  EXPECT_EQ(file_rejection(std::string("\x09\0\0\0\0\0\0\0{}", 10)),
            "w.safetensors: header: length 9 reaches past the end of the file");
  EXPECT_EQ(header_rejection("", 0), "w.safetensors: header: must begin with '{'");
  EXPECT_EQ(header_rejection(" {}", 0), "w.safetensors: header: must begin with '{'");
  EXPECT_TRUE(header_rejection("{\"a\"", 0).starts_with("w.safetensors: header: not valid JSON: "));
  EXPECT_TRUE(header_rejection("{\"\xff\":1}", 0).starts_with("w.safetensors: header: not valid JSON: "));
}

TEST(Safetensors, RefusesANameUsedTwice) {
  const std::string tensor = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_EQ(header_rejection("{\"a\":" + tensor + ",\"a\":" + tensor + "}", 1),
            "w.safetensors: a: the name appears twice in the header");
  EXPECT_EQ(header_rejection(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1),
            "w.safetensors: dtype: the name appears twice in the header");
}

TEST(Safetensors, RefusesABadEntry) {
  EXPECT_EQ(header_rejection(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,1]}})", 1),
            "w.safetensors: a: unknown dtype 'F31'; did you mean 'F32'?");
  EXPECT_EQ(header_rejection(R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,12]}})", 12),
            "w.safetensors: a: the shape asks for 16 bytes, data_offsets give 12");
  EXPECT_EQ(header_rejection(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1),
            "w.safetensors: a: sizes and offsets must be whole numbers, 0 or more");
  EXPECT_EQ(header_rejection(R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1),
            "w.safetensors: a: sizes and offsets must be whole numbers, 0 or more");
  EXPECT_EQ(header_rejection(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
            "w.safetensors: a: the shape is larger than any file");
  EXPECT_EQ(header_rejection(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1),
            "w.safetensors: a: data_offsets must not decrease");
  EXPECT_EQ(header_rejection(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}})", 1),
            "w.safetensors: a: must have dtype, shape and data_offsets, and nothing else");
  EXPECT_EQ(header_rejection(R"({"__metadata__":{"a":1}})", 0), "w.safetensors: __metadata__: 'a' must be a string");
  EXPECT_EQ(header_rejection(R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},"b":3})", 1),
            "w.safetensors: b: must have dtype, shape and data_offsets, and nothing else");
}

TEST(Safetensors, RefusesDataThatTheTensorsDoNotTile) {
  const std::string first = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)";
  EXPECT_EQ(header_rejection(first + R"("b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})", 7),
            "w.safetensors: b: its bytes overlap those of another tensor");
  EXPECT_EQ(header_rejection(first + R"("b":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}})", 9),
            "w.safetensors: b: there is a hole in the data before it");
  EXPECT_EQ(header_rejection(first + R"("b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})", 7),
            "w.safetensors: b: its bytes reach past the end of the file (truncated?)");
  EXPECT_EQ(header_rejection(first + R"("b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})", 11),
            "w.safetensors: 3 bytes follow the last tensor");
}

TEST(Safetensors, RefusesABoolThatIsNeitherTrueNorFalse) {
  std::string bytes = with_header(R"({"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", 2);
  bytes.back() = '\2';
  EXPECT_EQ(file_rejection(bytes), "w.safetensors: a: a BOOL byte must be 0 or 1");
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const std::string bytes = format_safetensors(every_dtype());
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 16) {
    EXPECT_THROW(parse_safetensors(std::string_view(bytes).substr(0, size), "cut"), InputError) << size;
  }
}

TEST(Safetensors, FuzzedBytesAreReadOrRefusedNeverWorse) {
  const std::string bytes = format_safetensors(every_dtype());
  const RandomKey root = RandomKey::root(11).fold("fuzz");
  for (std::uint64_t round = 0; round < 300 * soak_factor(); ++round) {
    const RandomKey key = root.fold(round);
    std::string damaged = bytes;
    for (std::uint64_t change = 0; change <= key.below(4, 0); ++change) {
      damaged[key.below(damaged.size(), 1 + 2 * change)] = static_cast<char>(key.below(256, 2 + 2 * change));
    }
    try {
      const TensorFile file = parse_safetensors(damaged, "fuzzed");
      EXPECT_EQ(parse_safetensors(format_safetensors(file), "again").tensors.size(), file.tensors.size());
    } catch (const InputError&) {
    }
  }
}

// As bytes of a file, and in little more memory than the tensors have.
TEST(Safetensors, AreWrittenPieceByPiece) {
  const ScratchFolder scratch;
  TensorFile small{{{"a", at::arange(7).to(at::kFloat)}, {"b", at::ones({3}, at::kByte)}, {"c", at::empty({0})}},
                   {{"format", "pt"}}};
  write_safetensors(scratch / "small", small);
  EXPECT_EQ(scratch.read("small"), format_safetensors(small));
  const int status = status_of(start_child([&] {
    const TensorFile large{{{"a", at::ones({16 << 20})}, {"b", at::ones({16 << 20})}}, {}};
    const std::int64_t before = peak_memory_bytes();
    write_safetensors(scratch / "large", large);
    if (peak_memory_bytes() - before > (16 << 20)) throw std::runtime_error("held twice");
  }));
  EXPECT_EQ(status, 0);
}

TEST(Safetensors, NamesAMissingFile) {
  EXPECT_EQ(message_of<InputError>([] { read_safetensors("/nowhere/w.safetensors"); }),
            "/nowhere/w.safetensors: no such file");
}

}  // namespace
}  // namespace palimpsest
