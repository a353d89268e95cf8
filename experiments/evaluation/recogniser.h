// A speech recogniser that nobody here wrote: pocketsphinx, allowed to answer only with one of the candidate captions.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modalities/media/media.h"

namespace palimpsest {

// The words a caption is spoken as: letters lower-cased, digits by name, punctuation and other signs dropped.
std::vector<std::string> spoken_words(std::string_view caption);

class Recogniser {
 public:
  // Finds pocketsphinx_batch and its US English model. InputError (it names the Debian packages) when either is
  // missing.
  Recogniser();

  // Can every spoken word of the caption be recognised at all? Captions that cannot are left out of a pool of
  // candidates.
  bool knows(std::string_view caption) const;

  // For each sound the index of the candidate heard, or nullopt when none was. One process for all of them; sounds of
  // another rate than 16 kHz are refused. c10::Error for a candidate that is not known, or two that are spoken alike.
  std::vector<std::optional<std::size_t>> recognise(const std::vector<Audio>& sounds,
                                                    const std::vector<std::string>& candidates) const;

 private:
  std::filesystem::path program_, model_;
  std::map<std::string, std::string> pronunciations_;  // of a word: its dictionary lines, variants included
};

}  // namespace palimpsest
