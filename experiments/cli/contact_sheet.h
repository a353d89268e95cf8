// A contact sheet: the first rows of a prepared split as one picture, so that a person sees what the ids still hold.
#pragma once

#include <filesystem>
#include <string>

#include "modalities/media/media.h"
#include "pipelines/model.h"

namespace palimpsest {

struct SheetWish {
  std::filesystem::path data;        // a directory that prepare wrote
  std::string split;                 // "": its first
  std::int64_t rows = 32;            // at most
  std::filesystem::path tokenizers;  // a checkpoint that carries the tokenizers the data were made with
};

// A cell a row: every role that reads back as a picture, and under it every role that reads back as text. Sounds are
// left out. InputError: a split that is not there, a role that the checkpoint has no tokenizer for or another one than
// made the ids, no picture among the roles.
Image contact_sheet(const SheetWish& wish);

}  // namespace palimpsest
