// Shapes: H rows, W columns, C channels.
#include "datasets/scenes/picture.h"

#include <gtest/gtest.h>

#include "tests/datasets/scenes/some_scenes.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

// How many of the scenes are read back wrong from pictures of a side.
std::int64_t misread(const SceneOptions& options, std::int64_t side, std::int64_t count) {
  const SceneLaw law(options, "all");
  std::int64_t wrong = 0;
  for (std::int64_t index = 0; index < count; ++index) {
    const SceneSample sample = law.draw(index);
    const Scene read = read_picture(draw_picture(sample.scene, {side, options.jitter}, sample.key), options.grid);
    if (!(read == sample.scene) && ++wrong <= 3) {
      ADD_FAILURE() << side << ": " << canonical(sample.scene) << " read as " << canonical(read);
    }
  }
  return wrong;
}

TEST(ScenePicture, EveryClearPictureIsReadExactly) {
  EXPECT_EQ(misread(plain_scenes(), 64, 400), 0);
  EXPECT_EQ(misread(crowded_scenes(), 64, 300), 0);
}

TEST(ScenePicture, AnySideFromTheLeastIsReadExactly) {
  for (const std::int64_t side : {48, 49, 50, 53, 61, 97}) EXPECT_EQ(misread(crowded_scenes(), side, 30), 0);
  SceneOptions one = plain_scenes();
  one.grid = one.most = 1;
  EXPECT_EQ(misread(one, kLeastCell, 200), 0);
}

TEST(ScenePicture, EveryThingInsideEveryOther) {
  for (const auto& [outer, outer_name] : enum_names(Shape{})) {
    for (const auto& [inner, inner_name] : enum_names(Shape{})) {
      for (std::int64_t colours = 0; colours < kNumColours * kNumColours; ++colours) {
        const auto first = static_cast<Colour>(colours / kNumColours),
                   second = static_cast<Colour>(colours % kNumColours);
        if (first == second) continue;
        const Scene scene{1, {{outer, first, Size::kLarge, 0, 0}, {inner, second, Size::kSmall, 0, 0, true}}};
        EXPECT_EQ(read_picture(draw_picture(scene, {16, 1.0}, RandomKey::root(static_cast<std::uint64_t>(colours))), 1),
                  scene)
            << canonical(scene);
      }
    }
  }
}

TEST(ScenePicture, NoiseOfATenthOfTheRangeIsSeenThrough) {
  const SceneLaw law(plain_scenes(), "all");
  std::int64_t right = 0;
  for (std::int64_t index = 0; index < 50; ++index) {
    const SceneSample sample = law.draw(index);
    const Image clear = draw_picture(sample.scene, {}, sample.key);
    const at::Tensor noisy_HWC = clear.pixels_HWC.to(at::kFloat) + 25.0 * normal(sample.key.fold("noise"), {64, 64, 3});
    right += read_picture({noisy_HWC.round().clamp(0, 255).to(at::kByte)}, 3) == sample.scene;
  }
  EXPECT_GE(right, 49);
}

// Nothing is drawn outside the boxes, and along each edge of one something is.
TEST(ScenePicture, BoxesFitTheThingsTightly) {
  const SceneOptions options = crowded_scenes();
  const SceneLaw law(options, "all");
  for (std::int64_t index = 0; index < 40; ++index) {
    const SceneSample sample = law.draw(index);
    const PictureForm form{80, options.jitter};
    const at::Tensor ground_HW = draw_picture(sample.scene, form, sample.key).pixels_HWC.to(at::kLong).ge(250).all(2);
    const std::vector<Box> boxes = picture_boxes(sample.scene, form, sample.key);
    ASSERT_EQ(boxes.size(), sample.scene.things.size());
    at::Tensor outside_HW = at::ones_like(ground_HW);
    for (std::size_t b = 0; b < boxes.size(); ++b) {
      const auto pixel = [](double share) { return std::llround(80 * share); };
      const auto inside = [&](at::Tensor x_HW) {
        return x_HW.slice(0, pixel(boxes[b].top), pixel(boxes[b].bottom))
            .slice(1, pixel(boxes[b].left), pixel(boxes[b].right));
      };
      inside(outside_HW).fill_(false);
      if (sample.scene.things[b].inside) {
        EXPECT_LT(boxes[b].area(), boxes[b - 1].area());
        continue;
      }
      const at::Tensor drawn_HW = inside(ground_HW).logical_not();
      for (const std::int64_t edge : {0, -1}) {
        EXPECT_TRUE(drawn_HW.select(0, edge).any().item<bool>()) << index << ", box " << b;
        EXPECT_TRUE(drawn_HW.select(1, edge).any().item<bool>()) << index << ", box " << b;
      }
    }
    EXPECT_TRUE(ground_HW.masked_select(outside_HW).all().item<bool>()) << index;
  }
}

TEST(ScenePicture, NothingIsReadFromNothing) {
  EXPECT_TRUE(read_picture({at::full({64, 64, 3}, 255, at::kByte)}, 3).things.empty());
  EXPECT_TRUE(read_picture({at::full({64, 64, 3}, 240, at::kByte)}, 3).things.empty());
}

TEST(ScenePicture, SameKeySamePicture) {
  const SceneSample sample = SceneLaw(crowded_scenes(), "all").draw(3);
  const auto pixels = [&](RandomKey key) { return draw_picture(sample.scene, {}, key).pixels_HWC; };
  EXPECT_TRUE(pixels(sample.key).equal(pixels(sample.key)));
  EXPECT_FALSE(pixels(sample.key).equal(pixels(sample.key.fold("other"))));
  EXPECT_THROW(draw_picture(sample.scene, {40, 0.0}, sample.key), c10::Error);
}

}  // namespace
}  // namespace palimpsest
