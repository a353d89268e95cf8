// Constraints: ids by role and position, vetoes, and what they leave.
#include "pipelines/sampling/constraint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "tests/pipelines/sampling/laws.h"
#include "tests/support/message.h"

namespace palimpsest::test {
namespace {

constexpr float kNeverDrawn = -std::numeric_limits<float>::infinity();

SamplerOptions random_order(std::int64_t steps) {
  SamplerOptions options;
  options.unmask = UnmaskKind::kRandom;
  options.steps = steps;
  options.grid = TimeGridKind::kUniform;
  return options;
}

std::set<std::int64_t> drawn_ids(const SamplerOptions& options, std::int64_t rows) {
  const World world(line_schema());
  const at::Tensor tokens_BL = Sampler(world.model(rows), options)
                                   .run(blank_canvas(world.schema, rows), sample_keys(0, 0, rows))
                                   .canvas.tokens_BL;
  std::set<std::int64_t> ids;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const std::int64_t id : row_of(tokens_BL, row)) ids.insert(id - kFirstModalityId);
  }
  return ids;
}

TEST(RoleConstraint, AllowsAndForbidsLocalIds) {
  SamplerOptions options = random_order(4);
  EXPECT_EQ(drawn_ids(options, 100), (std::set<std::int64_t>{0, 1, 2}));
  options.roles["line"].forbid = {1};
  EXPECT_EQ(drawn_ids(options, 100), (std::set<std::int64_t>{0, 2}));
  options.roles["line"].allow = {1, 2};
  EXPECT_EQ(drawn_ids(options, 100), (std::set<std::int64_t>{2}));
}

std::string refusal(const SamplerOptions& options) {
  return message_of<InputError>([&] { Sampler(World(line_schema()).model(1), options); });
}

TEST(RoleConstraint, RefusesWhatLeavesNothing) {
  SamplerOptions options = random_order(4);
  options.roles["line"].allow = {1};
  options.roles["line"].forbid = {1};
  EXPECT_EQ(refusal(options), "roles.line: allow and forbid leave no legal id at position 0");
  options.roles["line"].forbid = {7};
  EXPECT_EQ(refusal(options), "roles.line.forbid: must be ids from 0 to 2, got 7");
}

// Ids 0 and 1 alone at even positions.
class EvenPositions : public Constraint {
 public:
  void forbid(const TokenCanvas& canvas, const at::Tensor& position_M, const LegalClass& legal,
              at::Tensor& logits_MR) const override {
    const at::Tensor even_M1 = position_M.remainder(canvas.length()).remainder(2).eq(0).unsqueeze(1);
    logits_MR.slice(1, place_of(legal, kFirstModalityId + 2)).masked_fill_(even_M1, kNeverDrawn);
  }
};

class Nothing : public Constraint {
 public:
  void forbid(const TokenCanvas&, const at::Tensor& position_M, const LegalClass&,
              at::Tensor& logits_MR) const override {
    logits_MR.masked_fill_(position_M.eq(2).unsqueeze(1), kNeverDrawn);
  }
};

SampleResult constrained(const World& world, const SamplerOptions& options,
                         std::shared_ptr<const Constraint> constraint, std::int64_t rows) {
  return Sampler(world.model(rows), options, nullptr, std::move(constraint))
      .run(blank_canvas(world.schema, rows), sample_keys(0, 0, rows));
}

TEST(Constraint, HoldsByPosition) {
  const World world(line_schema());
  const at::Tensor tokens_BL =
      constrained(world, random_order(3), std::make_shared<EvenPositions>(), 200).canvas.tokens_BL;
  EXPECT_FALSE(tokens_BL.select(1, 0).eq(kFirstModalityId + 2).any().item<bool>());
  EXPECT_FALSE(tokens_BL.select(1, 2).eq(kFirstModalityId + 2).any().item<bool>());
  EXPECT_TRUE(tokens_BL.select(1, 1).eq(kFirstModalityId + 2).any().item<bool>());
}

TEST(Constraint, ThatLeavesNothingIsRefusedBeforeAnyWork) {
  const World world(line_schema());
  EXPECT_EQ(message_of<InputError>([&] { constrained(world, random_order(3), std::make_shared<Nothing>(), 1); }),
            "constraint: leaves no legal id at position 2 of role 'line' in row 0");
  EXPECT_EQ(world.denoiser->calls, 0);
}

// No two neighbours alike, said by veto: the canvas is looked at as it stands.
class NoTwins : public Constraint {
 public:
  void forbid(const TokenCanvas&, const at::Tensor&, const LegalClass&, at::Tensor&) const override {}
  bool vetoes(const TokenCanvas& canvas, const Write& write) const override {
    const std::int64_t* tokens = canvas.tokens_BL.const_data_ptr<std::int64_t>();
    const std::int64_t column = write.position % canvas.length();
    return (column > 0 && tokens[write.position - 1] == write.id) ||
           (column + 1 < canvas.length() && tokens[write.position + 1] == write.id);
  }
};

class Refusal : public Constraint {
 public:
  void forbid(const TokenCanvas&, const at::Tensor&, const LegalClass&, at::Tensor&) const override {}
  bool vetoes(const TokenCanvas&, const Write& write) const override { return write.position == 3; }
};

TEST(Veto, IsNeverWrittenAndTheRestFollowsTheLaw) {
  const World world(line_schema());
  const std::int64_t rows = 20'000;
  const auto result = constrained(world, random_order(4), std::make_shared<NoTwins>(), rows);
  std::map<Filling, std::int64_t> counts;
  for (std::int64_t row = 0; row < rows; ++row) ++counts[row_of(result.canvas.tokens_BL, row)];
  const Law law = enumerate(world.schema, 4, [&](const Filling& before, std::int64_t) {
    Law after;  // one mask at random, by its conditional over the ids that its neighbours leave
    const auto masked = std::count(before.begin(), before.end(), kMaskId);
    for (std::size_t l = 0; l < 4; ++l) {
      if (before[l] != kMaskId) continue;
      auto left = world.denoiser->conditional(before, static_cast<std::int64_t>(l));
      if (l > 0) left.erase(before[l - 1]);
      if (l < 3) left.erase(before[l + 1]);
      double total = 0;
      for (const auto& [id, p] : left) total += p;
      for (const auto& [id, p] : left) {
        Filling written = before;
        written[l] = id;
        after[written] += p / total / static_cast<double>(masked);
      }
    }
    return after;
  });
  expect_follows(law, counts, rows);
}

TEST(Veto, OfTheLastIdIsAnError) {
  const World world(line_schema());
  EXPECT_EQ(message_of<InputError>([&] { constrained(world, random_order(1), std::make_shared<Refusal>(), 1); }),
            "constraint: leaves no legal id at position 3 of role 'line' in row 0");
}

}  // namespace
}  // namespace palimpsest::test
