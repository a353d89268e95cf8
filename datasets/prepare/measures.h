// Measures: what filters ask of a text, a picture or a sound, each one number. A family that is open: a measure is one
// row of the table of its kind.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/catalogue.h"
#include "modalities/media/media.h"

namespace palimpsest {

using MeasureFunction = std::function<double(const Media&)>;

struct Measure {
  const char* name;
  const char* kind;   // of media: text, image or audio
  const char* line;   // what it measures
  const char* paper;  // where it comes from, with the bounds used there
  // `of` is what the recipe says beside the name (a script, a file of words); InputError naming the key `of` when it
  // will not do.
  MeasureFunction (*make)(const std::string& of);
};

const std::vector<Measure>& text_measures();
const std::vector<Measure>& image_measures();
const std::vector<Measure>& audio_measures();

// InputError naming the key `measure`, with the nearest name.
const Measure& find_measure(const std::string& name);
std::vector<std::string> measure_names();

// InputError when a measure that asks nothing beside its name is given something.
void refuse_argument(const std::string& of);

}  // namespace palimpsest
