// Boxes of things: as meta holds them, and as positions of a grid.
#include "modalities/canvas/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

std::vector<std::int64_t> objects_of(const Layout& layout, const std::vector<Box>& boxes) {
  const at::Tensor own_L = objects_L(layout, boxes);
  return {own_L.const_data_ptr<std::int64_t>(), own_L.const_data_ptr<std::int64_t>() + own_L.numel()};
}

TEST(RoleBoxes, AreReadAsTheyAreWritten) {
  const RoleBoxes boxes{{"picture", {{0, 0.25, 0.5, 1}, {0.125, 0, 0.25, 0.5}}}, {"sketch", {}}};
  EXPECT_EQ(boxes_from_json(nlohmann::json::parse(to_json(boxes).dump()), "row"), boxes);
}

TEST(RoleBoxes, NameWhatIsWrong) {
  const auto refusal = [](const char* text) {
    return message_of<InputError>([&] { boxes_from_json(nlohmann::json::parse(text), "row 7"); });
  };
  EXPECT_EQ(refusal("[]"), "row 7: object_boxes: must be a table of boxes by role");
  EXPECT_EQ(refusal(R"({"picture": 3})"), "row 7: object_boxes.picture: must be a list of boxes");
  EXPECT_EQ(refusal(R"({"picture": [[0, 0, 1]]})"),
            "row 7: object_boxes.picture: a box must be a list of four numbers: top, left, bottom, right");
  for (const char* box : {"[0, 0, 0, 1]", "[0, 0.5, 1, 0.25]", "[-0.5, 0, 1, 1]", "[0, 0, 1, 2]"}) {
    EXPECT_THAT(refusal((std::string(R"({"picture": [)") + box + "]}").c_str()),
                testing::HasSubstr("must have an area within 0 and 1, got "));
  }
}

// Cells of a quarter of the side; the second box covers half of what it touches on the right, and less below.
TEST(Objects, OwnTheCellsThatTheyCoverHalfOf) {
  EXPECT_EQ(objects_of(grid_layout(4, 4), {{0, 0, 0.5, 0.25}, {0.5, 0.25, 0.85, 0.625}}),
            (std::vector<std::int64_t>{1, 0, 0, 0,  //
                                       1, 0, 0, 0,  //
                                       0, 2, 2, 0,  //
                                       0, 0, 0, 0}));
}

TEST(Objects, InsideOthersKeepTheirCells) {
  const Box outer{0, 0, 0.75, 0.75}, inner{0.25, 0.25, 0.5, 0.5};
  const std::vector<std::int64_t> expected{1, 1, 1, 0, 1, 2, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0};
  EXPECT_EQ(objects_of(grid_layout(4, 4), {outer, inner}), expected);
  auto swapped = expected;
  for (std::int64_t& object : swapped) object = object == 0 ? 0 : 3 - object;
  EXPECT_EQ(objects_of(grid_layout(4, 4), {inner, outer}), swapped);
}

// A coarse depth of one cell, and a fine one of four.
TEST(Objects, AreFoundInTheGridOfEachDepth) {
  const Layout scales{"image", at::tensor({0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1}, at::kInt).view({5, 3})};
  EXPECT_EQ(objects_of(scales, {{0, 0, 0.5, 1}}), (std::vector<std::int64_t>{1, 1, 1, 0, 0}));
  EXPECT_EQ(objects_of(scales, {{0, 0, 0.5, 0.5}}), (std::vector<std::int64_t>{0, 1, 0, 0, 0}));
  EXPECT_EQ(objects_of(text_layout(3), {}), (std::vector<std::int64_t>{0, 0, 0}));
}

}  // namespace
}  // namespace palimpsest
