#include "datasets/sources/puzzles_source.h"

#include "datasets/puzzles/options.h"
#include "datasets/sources/drawn_source.h"

namespace palimpsest {

namespace {

// Raised whenever the same options make other puzzles.
constexpr const char* kLawOfPuzzles = "puzzles, law 1";
constexpr std::uint64_t kMostPuzzles = 100'000;

const std::vector<DrawnRole>& puzzle_roles() {
  static const std::vector<DrawnRole> roles{
      {"puzzle", "text"}, {"solution", "text"}, {"candidate", "text"}, {"verdict", "text"}};
  return roles;
}

const PuzzleSplitOptions& puzzle_split(const PuzzleOptions& options, const std::string& split) {
  const auto found = options.splits.find(split);
  if (found == options.splits.end()) throw InputError("", "data.puzzles.splits." + split, "is missing");
  return found->second;
}

class DrawnPuzzles : public DrawnSamples {
 public:
  DrawnPuzzles(const PuzzleOptions& options, std::string split)
      : options_(options),
        name_(std::move(split)),
        split_(puzzle_split(options, name_)),
        maker_(puzzle_maker(options)),
        root_(RandomKey::root(static_cast<std::uint64_t>(options.seed)).fold("puzzles").fold(name_)) {}

  std::int64_t samples() const override { return split_.samples; }

  Sample draw(std::int64_t index, const std::map<std::string, RoleOptions>& roles) const override {
    const RandomKey key = root_.fold(static_cast<std::uint64_t>(index));
    const Puzzle puzzle = draw_puzzle(key);
    const bool spoilt = key.fold("spoilt").uniform(0) < options_.spoilt;
    const std::string candidate = spoilt ? spoil(options_.kind, puzzle.solution, key.fold("error")) : puzzle.solution;
    const std::map<std::string, std::string> texts{{"puzzle", puzzle.question},
                                                   {"solution", puzzle.solution},
                                                   {"candidate", candidate},
                                                   {"verdict", verdict(puzzle, candidate)}};
    Sample sample;
    for (const auto& [name, role] : roles) sample.roles[name] = Text{texts.at(role.members.front())};
    sample.meta["puzzle"] = enum_name(options_.kind);
    return sample;
  }

 private:
  // The first of the index's puzzles whose group is of the split's share.
  Puzzle draw_puzzle(RandomKey key) const {
    for (std::uint64_t attempt = 0; attempt < kMostPuzzles; ++attempt) {
      Puzzle puzzle = maker_->make(key.fold(attempt));
      if (in_share(puzzle.group, split_.from, split_.to)) return puzzle;
    }
    throw InputError("", "data.puzzles.splits." + name_, "100,000 puzzles were drawn and none is of its share");
  }

  std::string verdict(const Puzzle& puzzle, const std::string& candidate) const {
    const Ruling ruling = check_answer(options_.kind, puzzle.question, candidate);
    return ruling.right() ? "right" : "wrong: " + ruling.rule + " at " + ruling.where;
  }

  PuzzleOptions options_;
  std::string name_;
  PuzzleSplitOptions split_;
  std::unique_ptr<PuzzleMaker> maker_;
  RandomKey root_;
};

std::string identity_of_puzzles(const DataOptions&) { return kLawOfPuzzles; }

std::unique_ptr<Source> open_puzzles(const DataOptions& data, MemberRequest request) {
  auto puzzles = std::make_unique<DrawnPuzzles>(data.puzzles, request.split);
  return drawn_source(std::move(puzzles), puzzle_roles(), std::move(request));
}

}  // namespace

SourceForm puzzles_form() {
  return {"puzzles",
          "Sudoku, brackets, JSON records, arithmetic, made by a law: puzzle, solution, candidate, verdict",
          "puzzles",
          nullptr,
          identity_of_puzzles,
          open_puzzles};
}

}  // namespace palimpsest
