#include "datasets/sources/folder_source.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "datasets/sources/table.h"
#include "tests/datasets/small_data.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

MemberRequest both_roles() { return {{{"caption", caption_role()}, {"picture", picture_role()}}, {}}; }

TEST(FolderSource, PicturesWithTextsBesideThem) {
  const ScratchFolder scratch;
  scratch.write("b.png", grey_png(2, 3));
  scratch.write("b.txt", "a grey box\r\n");
  scratch.write("in/My Photo.v2.PNG", grey_png(2, 2));
  scratch.write("in/My Photo.v2.txt", "\xEF\xBB\xBFnamed with dots");
  scratch.write("alone.png", grey_png(2, 2));
  scratch.write(".hidden/c.png", "never read");
  scratch.write("notes.md", "never read");
  const auto results = read_all(*folder_source(scratch.path(), "", both_roles()));
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].sample.key, "alone");
  EXPECT_THAT(results[0].error, HasSubstr("alone: caption: has no"));
  EXPECT_EQ(results[1].sample.key, "b");
  EXPECT_EQ(caption_of(results[1].sample), "a grey box");
  EXPECT_EQ(results[2].sample.key, "in/My Photo.v2");
  EXPECT_EQ(caption_of(results[2].sample), "named with dots");
}

TEST(FolderSource, TableNamesTheSamples) {
  const ScratchFolder scratch;
  scratch.write("one.png", grey_png(2, 2));
  scratch.write("two.png", grey_png(2, 2));
  scratch.write("captions.csv",
                "file,caption,style\none.png,\"a \"\"red\"\", round\nthing\",oil\ngone.png,lost,oil\n../out.png,x,y\n");
  const auto results = read_all(*folder_source(scratch.path(), "", both_roles()));
  ASSERT_EQ(results.size(), 3u);
  EXPECT_THAT(results[0].error, HasSubstr("unsafe name"));
  EXPECT_THAT(results[1].error, HasSubstr("gone.png, which is not there"));
  EXPECT_EQ(caption_of(results[2].sample), "a \"red\", round\nthing");
  EXPECT_EQ(results[2].sample.meta.at("style"), "oil");
}

TEST(FolderSource, LinesOfJsonNameTheSamplesToo) {
  const ScratchFolder scratch;
  scratch.write("one.png", grey_png(2, 2));
  const auto table = scratch.write("mine.jsonl", "{\"file\": \"one.png\", \"caption\": \"one\", \"size\": 3}\n\n");
  const auto results = read_all(*folder_source(scratch.path(), table.string(), both_roles()));
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(caption_of(results[0].sample), "one");
  EXPECT_EQ(results[0].sample.meta.at("size"), 3);
}

TEST(FolderSource, DamagedPicturesAreErrorsThatNameTheFile) {
  const ScratchFolder scratch;
  scratch.write("cut.png", grey_png(50, 50).substr(0, 60));
  scratch.write("cut.txt", "x");
  scratch.write("text.png", "this is text");
  scratch.write("text.txt", "x");
  const auto results = read_all(*folder_source(scratch.path(), "", both_roles()));
  EXPECT_THAT(results[0].error, HasSubstr("cut.png"));
  EXPECT_THAT(results[1].error, HasSubstr("text.png"));
}

TEST(FolderSource, AFileIsNoFolder) {
  EXPECT_THAT(message_of<InputError>([] { folder_source(kTinyTar, "", both_roles()); }), HasSubstr("is not a folder"));
}

TEST(FolderSource, ALongerEndingIsAMemberOfItsOwn) {
  const ScratchFolder scratch;
  scratch.write("owl.png", grey_png(2, 2));
  scratch.write("owl.txt", "An owl.\nfr.utf8=Un hibou.\nfr.utf8=Une chouette.\n");
  scratch.write("owl_fr.txt", "hou");
  MemberRequest request = both_roles();
  request.roles["caption"].several = SeveralTexts::kFirst;
  request.roles["french"] = request.roles["sound"] = caption_role();
  request.roles["french"].prefix = "fr.utf8=";
  request.roles["french"].several = SeveralTexts::kFirst;
  request.roles["sound"].members = {"_fr.txt"};
  const auto results = read_all(*folder_source(scratch.path(), "", request));
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].error, "");
  EXPECT_EQ(caption_of(results[0].sample), "An owl.");
  EXPECT_EQ(std::get<Text>(results[0].sample.roles.at("french")).utf8, "Un hibou.");
  EXPECT_EQ(std::get<Text>(results[0].sample.roles.at("sound")).utf8, "hou");
}

TEST(FolderSource, SeveralCaptionsOfATableAreChosenOrEachASample) {
  const ScratchFolder scratch;
  scratch.write("one.png", grey_png(2, 2));
  scratch.write("captions.tsv", "file\tcaption\tstyle\none.png\ta, b\toil\none.png\t\"c\"\toil\n");
  const auto read = [&](SeveralTexts several) {
    MemberRequest request = both_roles();
    request.roles["caption"].several = several;
    return read_all(*folder_source(scratch.path(), "", request));
  };
  EXPECT_THAT(read(SeveralTexts::kWhole).at(0).error, HasSubstr("one: caption: has 2 texts; the role's `several`"));
  EXPECT_EQ(caption_of(read(SeveralTexts::kFirst).at(0).sample), "a, b");
  const auto each = read(SeveralTexts::kEach);
  ASSERT_EQ(each.size(), 2u);
  EXPECT_EQ(each[0].sample.key, "one#1of2");
  EXPECT_EQ(each[1].sample.key, "one#2of2");
  EXPECT_EQ(caption_of(each[1].sample), "c");
  EXPECT_EQ(each[1].sample.roles.size(), 2u);
  EXPECT_EQ(each[1].sample.meta.at("style"), "oil");
}

std::string table_error(const std::string& name, const std::string& content) {
  const ScratchFolder scratch;
  const auto path = scratch.write(name, content);
  return message_of<InputError>([&] { read_table(path); });
}

TEST(Table, ErrorsNameTheLine) {
  EXPECT_THAT(table_error("a.csv", ""), HasSubstr("is empty"));
  EXPECT_THAT(table_error("a.csv", "name,caption\n"), HasSubstr("no column 'file'"));
  EXPECT_THAT(table_error("a.csv", "file,caption\na.png\n"), HasSubstr("row 1: has 1 cells, the header 2"));
  EXPECT_THAT(table_error("a.csv", "file,caption\na.png,\"open\n"), HasSubstr("never closed"));
  EXPECT_THAT(table_error("a.csv", "file\n\xff\n"), HasSubstr("UTF-8"));
  EXPECT_THAT(table_error("a.jsonl", "{\"file\": \"a\"}\n{"), HasSubstr("line 2: byte 2: is not valid JSON"));
  EXPECT_THAT(table_error("a.jsonl", "[]"), HasSubstr("line 1: is not a JSON object"));
  EXPECT_THAT(table_error("a.jsonl", R"({"file": "a", "file": "b"})"), HasSubstr("line 1: has the key 'file' twice"));
  EXPECT_THAT(table_error("a.csv", "file,caption,caption\n"), HasSubstr("line 1: names the column 'caption' twice"));
  EXPECT_THAT(table_error("a.jsonl", "{\"caption\": \"a\"}"), HasSubstr("line 1: has no 'file'"));
  EXPECT_THAT(table_error("a.xls", ""), HasSubstr(".csv, .tsv or .jsonl"));
}

}  // namespace
}  // namespace palimpsest
