// Puzzles: solutions that a checker takes, and verdicts on candidates.
#include <algorithm>

#include "datasets/puzzles/puzzle.h"
#include "experiments/evaluation/answers.h"
#include "experiments/evaluation/generation.h"

namespace palimpsest {

namespace {

// What is asked and what may be answered: a solution is checked, a verdict compared.
struct PuzzleQuery {
  std::vector<std::string> given;
  std::string wanted, name;
  bool verdict = false;
};

PuzzleKind kind_of(const HeldOut& split, std::int64_t row) {
  return parse_enum<PuzzleKind>(split.meta(row).at("puzzle").get<std::string>(), split.key(row), "puzzle");
}

bool says_right(const std::string& verdict) { return verdict.starts_with("right"); }

// How often each rule was broken, the commonest first: "row 12, clue 3".
std::string told_rules(const std::map<std::string, std::int64_t>& rules) {
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [rule, count] : rules) order.emplace_back(-count, rule);
  std::sort(order.begin(), order.end());
  std::string text;
  for (const auto& [count, rule] : order) text += (text.empty() ? "" : ", ") + rule + " " + std::to_string(-count);
  return text.empty() ? "" : "; rules broken: " + text;
}

struct CheckedPuzzles {
  CheckedAnswers answers;
  std::map<std::string, std::int64_t> rules;
};

CheckedPuzzles check_puzzles(const EvaluationContext& context, const HeldOut& split, const PuzzleQuery& query) {
  const std::string& puzzle = context.options.puzzle;
  std::vector<std::string> needed = query.given;
  needed.push_back(query.wanted);
  CheckedPuzzles checked;
  for (const QueryBlock& block :
       split.blocks(split.rows_with(needed), context.options.generated, context.key("puzzles"))) {
    const auto questions = split.texts(block, puzzle), truths = split.texts(block, query.wanted);
    const Made made =
        generate(context.model, queries_for(split, block, query.given, {query.wanted}), context.sampler, context.seed);
    const auto nearest = context.neighbours->nearest(split, block, query.given.back());
    const auto copied = context.neighbours->train().texts(nearest, query.wanted);
    for (std::size_t i = 0; i < block.size(); ++i) {
      const auto ruling = [&](const std::string& answer) {
        if (query.verdict) return says_right(answer) == says_right(truths[i]) ? Ruling{} : Ruling{"verdict", ""};
        return check_answer(kind_of(split, block[i]), questions[i], answer);
      };
      const Ruling ours = ruling(std::get<Text>(made.media[i].at(query.wanted)).utf8);
      checked.answers.made.push_back(ours.right() ? 1.0 : 0.0);
      if (!ours.right()) ++checked.rules[ours.rule];
      checked.answers.copied.push_back(ruling(copied[i]).right() ? 1.0 : 0.0);
      for (std::size_t j = 0; j < block.size(); ++j) {
        if (i != j) checked.answers.others.push_back(ruling(truths[j]).right() ? 1.0 : 0.0);
      }
    }
  }
  return checked;
}

}  // namespace

std::vector<MetricRow> puzzles(const EvaluationContext& context, const std::string& split_name) {
  const EvaluationOptions& options = context.options;
  const HeldOut& split = context.split(split_name);
  const std::vector<PuzzleQuery> queries{
      {{options.puzzle}, options.solution, "puzzle to solution"},
      {{options.puzzle, options.candidate}, options.verdict, "candidate to verdict", true}};
  std::vector<MetricRow> rows;
  for (const PuzzleQuery& query : queries) {
    const auto there = [&](const std::string& role) {
      return context.model.tokenizers.contains(role) && split.has(role);
    };
    if (!there(query.wanted) || !std::all_of(query.given.begin(), query.given.end(), there)) continue;
    const CheckedPuzzles checked = check_puzzles(context, split, query);
    const std::string note = "the checker takes it; baseline: the " + query.wanted + " of the nearest training " +
                             query.given.back() + "; chance: another row's" + told_rules(checked.rules);
    rows.push_back(checked_rows(checked.answers, query.name, split_name, note).front());
  }
  return rows;
}

}  // namespace palimpsest
