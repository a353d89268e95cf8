#include "datasets/sources/source_form.h"

#include <gmock/gmock.h>

#include "tests/datasets/small_data.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

DataOptions data_of(const std::string& form, const std::string& source) {
  DataOptions data = tiny_data();
  data.form = form;
  data.source = source;
  return data;
}

TEST(SourceForm, TheCatalogueHasEachOnceWithItsOwnTable) {
  const auto keys = option_names<DataOptions>();
  std::set<std::string> names;
  for (const SourceForm& form : source_forms()) {
    EXPECT_TRUE(names.insert(form.name).second) << form.name << " twice";
    EXPECT_FALSE(form.line.empty()) << form.name;
    EXPECT_TRUE(form.open && form.identity) << form.name;
    if (form.settings.empty()) continue;
    EXPECT_THAT(keys, testing::Contains(form.settings));
  }
  EXPECT_EQ(source_catalogue().size(), source_forms().size() + 1);  // and "auto"
}

TEST(SourceForm, AutoGoesByFolderOrEnding) {
  const ScratchFolder scratch;
  for (const char* name : {"a.tar", "a.tar.gz", "a.tgz", "a.txt", "a.jsonl", "a.txt.gz", "t10k-images-idx3-ubyte.gz"})
    scratch.write(name, "");
  const auto chosen = [&](const std::string& name) { return form_of(data_of("auto", (scratch / name).string())).name; };
  EXPECT_EQ(chosen("a.tar"), "tar");
  EXPECT_EQ(chosen("a.tar.gz"), "tar");
  EXPECT_EQ(chosen("a.tgz"), "tar");
  EXPECT_EQ(chosen("a.txt"), "lines");
  EXPECT_EQ(chosen("a.jsonl"), "lines");
  EXPECT_EQ(chosen("a.txt.gz"), "lines");
  EXPECT_EQ(chosen("t10k-images-idx3-ubyte.gz"), "idx");
  EXPECT_EQ(chosen("a-{00..99}.tar"), "tar");
  EXPECT_EQ(chosen("*.jsonl"), "lines");
  EXPECT_EQ(chosen(""), "folder");
}

TEST(SourceForm, WhatNobodyClaimsMustBeNamed) {
  const ScratchFolder scratch;
  const std::string odd = scratch.write("set.odd", "").string();
  const std::string message = message_of<InputError>([&] { form_of(data_of("auto", odd)); });
  EXPECT_THAT(message, HasSubstr("data.form: no form claims " + odd));
  EXPECT_THAT(message, HasSubstr("valid: auto, folder, lines, tar, "));
  EXPECT_EQ(form_of(data_of("tar", odd)).name, "tar");
}

TEST(SourceForm, UnknownNamesGetTheNearest) {
  EXPECT_THAT(message_of<InputError>([] { form_of(data_of("line", "")); }),
              HasSubstr("data.form: unknown value 'line'; did you mean 'lines'?"));
}

}  // namespace
}  // namespace palimpsest
