#include "experiments/evaluation/showcase.h"

#define FMT_HEADER_ONLY  // LibTorch brings the headers of fmt without its library
#include <fmt/format.h>

#include "experiments/evaluation/generation.h"
#include "pipelines/film.h"

namespace palimpsest {

namespace {

constexpr Hole kShownHole{0.25, 0.25, 0.75, 0.75};
constexpr std::uint8_t kHoleGrey = 205;
constexpr std::int64_t kFilmFrames = 9;

bool holds(const EvaluationContext& context, const std::vector<std::string>& roles) {
  const auto& known = context.model.schema.roles();
  return std::all_of(roles.begin(), roles.end(), [&](const std::string& name) {
    return std::any_of(known.begin(), known.end(), [&](const Role& role) { return role.name == name; });
  });
}

// The first `count` rows of different concepts in a keyed order.
std::vector<std::int64_t> shown_rows(const EvaluationContext& context, const Show& show, std::int64_t count) {
  const HeldOut& split = context.split(show.split);
  std::vector<std::string> needed = show.given;
  needed.insert(needed.end(), show.wanted.begin(), show.wanted.end());
  QueryBlock rows;
  for (const QueryBlock& block : split.blocks(
           split.rows_with(needed), (count + kCandidates - 1) / kCandidates * kCandidates, context.key("show"))) {
    rows.insert(rows.end(), block.begin(), block.end());
  }
  rows.resize(static_cast<std::size_t>(count));
  return rows;
}

std::vector<CodedQuery> show_queries(const EvaluationContext& context, const Show& show,
                                     const std::vector<std::int64_t>& rows) {
  const HeldOut& split = context.split(show.split);
  if (show.hole) return hole_queries(context.model, split, rows, show.given.front(), *show.hole);
  return queries_for(split, rows, show.given, show.wanted);
}

Image with_hole(const EvaluationContext& context, const Show& show, const Image& picture) {
  const at::Tensor mask_HW = hole_pixels_HW(context.model, show.given.front(), *show.hole, picture);
  at::Tensor pixels_HWC = picture.pixels_HWC.clone();
  pixels_HWC.index_put_({mask_HW}, at::full({3}, kHoleGrey, at::kByte));
  return {pixels_HWC};
}

// What concerns the first `rows` rows.
Trace first_rows(const Trace& trace, std::int64_t rows) {
  Trace first{trace.start_BL.narrow(0, 0, rows), trace.steps, {}};
  for (const TraceEvent& event : trace.events) {
    if (event.row < rows) first.events.push_back(event);
  }
  return first;
}

std::optional<FilmStrip> film_strip(const EvaluationContext& context, const Show& show, const Made& made,
                                    std::int64_t films) {
  const auto is_picture = [&](const std::string& role) {
    return std::holds_alternative<Image>(made.media.front().at(role));
  };
  const auto role = std::find_if(show.wanted.begin(), show.wanted.end(), is_picture);
  if (role == show.wanted.end() || films == 0) return std::nullopt;
  const Model& model = context.model;
  const TokenCanvas canvas = made.canvas.slice_rows(0, films);
  const Trace trace = first_rows(made.trace, films);
  const std::vector<std::int64_t> steps = film_steps(trace, kFilmFrames);
  return FilmStrip{picture_strip({model.schema, model.tokenizers, canvas, trace}, *role, steps), steps};
}

// Captions that training saw in no style are the hardest for pictures: one show of each kind of held-out material.
std::vector<Show> picture_shows(const EvaluationOptions& names) {
  const std::string &caption = names.caption, &picture = names.picture;
  const std::string &style = names.picture_splits.front(), &unseen = names.picture_splits.back();
  return {{"caption-to-picture",
           "Caption → picture, known concepts",
           "Training saw these concepts drawn in other styles only.",
           style,
           {caption},
           {picture}},
          {"caption-to-picture-unseen",
           "Caption → picture, unseen concepts",
           "Training saw none of these concepts in any style: the words are known, the thing is not.",
           unseen,
           {caption},
           {picture}},
          {"picture-to-caption",
           "Picture → caption",
           "Pictures in a style that training never saw their concepts in.",
           style,
           {picture},
           {caption}},
          {"hole-to-picture",
           "Picture with a hole → the whole picture",
           "Concepts that training never saw; the middle is made anew.",
           unseen,
           {picture},
           {picture},
           kShownHole}};
}

std::vector<Show> speech_shows(const EvaluationOptions& names) {
  const std::string &caption = names.caption, &picture = names.picture, &speech = names.speech;
  const std::string &style = names.picture_splits.front(), &heard = names.speech_splits.front();
  return {{"caption-to-speech", "Caption → speech", "Captions that training never saw.", heard, {caption}, {speech}},
          {"speech-to-caption", "Speech → caption", "Captions that training never heard.", heard, {speech}, {caption}},
          {"speech-to-picture",
           "Speech → picture",
           "Nobody wrote a caption here: the picture follows the sound alone.",
           style,
           {speech},
           {picture}},
          {"nothing-to-all",
           "Nothing → caption, picture and speech",
           "Nothing is given; all three are written together.",
           style,
           {},
           {caption, picture, speech}}};
}

}  // namespace

std::vector<Show> standard_shows(const EvaluationContext& context) {
  std::vector<Show> possible;
  for (const auto& shows : {picture_shows(context.options), speech_shows(context.options)}) {
    for (const Show& show : shows) {
      if (holds(context, show.given) && holds(context, show.wanted)) possible.push_back(show);
    }
  }
  return possible;
}

Exhibit make_exhibit(const EvaluationContext& context, const Show& show, std::int64_t count, std::int64_t films) {
  TORCH_CHECK(count >= 1 && films <= count, "make_exhibit: needs a count of at least 1 and as many films at most, got ",
              count, " and ", films);
  const HeldOut& split = context.split(show.split);
  const auto rows = shown_rows(context, show, count);
  const Made made = generate(context.model, show_queries(context, show, rows), context.sampler, context.seed);
  Exhibit exhibit{show, std::vector<Exhibit::Item>(rows.size()), film_strip(context, show, made, films)};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    exhibit.items[i].key = show.given.empty() ? fmt::format("sample-{}", i) : split.key(rows[i]);
    exhibit.items[i].made = made.media[i];
  }
  const auto fill = [&](const std::string& role, auto place) {
    std::vector<Media> media = split.media(rows, role);
    for (std::size_t i = 0; i < rows.size(); ++i) place(exhibit.items[i], std::move(media[i]));
  };
  for (const std::string& role : show.given) {
    fill(role, [&](Exhibit::Item& item, Media media) {
      if (show.hole) media = with_hole(context, show, std::get<Image>(media));
      item.given[role] = std::move(media);
    });
  }
  if (show.given.empty()) return exhibit;
  for (const std::string& role : show.wanted) {
    fill(role, [&](Exhibit::Item& item, Media media) { item.truth[role] = std::move(media); });
  }
  return exhibit;
}

}  // namespace palimpsest
