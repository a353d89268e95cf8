// Showcase: what a checkpoint makes of held-out material, task by task, to be looked at and listened to.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/evaluation/evaluation.h"
#include "pipelines/queries/hole.h"

namespace palimpsest {

// A task is a query: roles that are given, roles that are wanted.
struct Show {
  std::string name;         // of its folder: "caption-to-picture"
  std::string title;        // "Caption → picture"
  std::string explanation;  // what is held out about it
  std::string split;        // where the given roles come from
  std::vector<std::string> given, wanted;
  std::optional<Hole> hole{};  // in the one given role
};

// Captions, pictures and speech in every direction that the model's roles allow; nothing given, all wanted; a hole.
std::vector<Show> standard_shows(const EvaluationContext& context);

// How the first items came to be: a row an item, a column a number of steps done.
struct FilmStrip {
  Image pictures;
  std::vector<std::int64_t> steps;
};

struct Exhibit {
  struct Item {
    std::string key;                           // of the row; "sample-3" when nothing is given
    std::map<std::string, Media> given, made;  // a given role with a hole shows the hole in grey
    std::map<std::string, Media> truth;        // what the row really holds of the wanted roles
  };
  Show show;
  std::vector<Item> items;
  std::optional<FilmStrip> film{};  // when a picture was made
};

// Makes `count` items out of different concepts; the film strip shows the first `films` of them.
Exhibit make_exhibit(const EvaluationContext& context, const Show& show, std::int64_t count, std::int64_t films);

}  // namespace palimpsest
