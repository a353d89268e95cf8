// What a data set is: where its files lie, what its roles are made of, how it splits. The [data] table of recipes that
// read media.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/options.h"
#include "datasets/puzzles/options.h"
#include "datasets/scenes/options.h"
#include "modalities/media/form.h"

namespace palimpsest {

// [data.roles.ROLE]: one role, taken from a member (a file KEY.extension) or spoken from a text role.
struct RoleOptions {
  std::string kind;                  // text, image or audio
  std::vector<std::string> members;  // extensions; a sample has exactly one of them
  std::string field;                 // of a json member: the field that holds the text
  std::string spoken;                // the text role that this audio role speaks, instead of members
  bool optional = false;             // may a sample lack it?
  std::int64_t rows = 0, columns = 0;
  FitPolicy fit = FitPolicy::kRefuse;
  std::int64_t sample_rate = 16'000;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("kind", self.kind, "text, image or audio");
    visitor("members", self.members, "file extensions; a sample has exactly one of them");
    visitor("field", self.field, "field of the json member or column of the table that holds the text");
    visitor("spoken", self.spoken, "the text role that this role speaks");
    visitor("optional", self.optional, "may a sample lack the role?");
    visitor("rows", self.rows, "height of pictures in pixels, 0 as they are");
    visitor("columns", self.columns, "width of pictures in pixels");
    visitor("fit", self.fit, "pictures of another size: crop, pad, stretch or refuse");
    visitor("sample_rate", self.sample_rate, "of audio, Hz");
  }
  void validate() const;
  MediaForm form() const { return {kind, sample_rate, rows, columns, fit}; }
};

// [data.splits.SPLIT.variation]: each sample again and again, never quite the same.
struct VariationOptions {
  std::int64_t copies = 0;  // variants of each sample besides itself
  double shift = 0.06;      // of the picture's side, at most, either way
  double scale = 0.12;      // natural logarithm, at most, either way
  double turn = 8.0;        // degrees, at most, either way
  double tone = 0.25;       // natural logarithm of gamma and of saturation, at most, either way

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("copies", self.copies, "variants of each sample besides itself");
    visitor("shift", self.shift, "greatest shift, as a share of the picture's side");
    visitor("scale", self.scale, "greatest scaling, as a natural logarithm");
    visitor("turn", self.turn, "greatest turn, degrees");
    visitor("tone", self.tone, "greatest gamma and saturation, as a natural logarithm");
  }
  void validate() const;
};

// [data.splits.SPLIT]: the samples that a file of keys lists, or a share of all drawn by their keys.
struct SplitOptions {
  std::string keys;                 // a file with one key a line; empty: the share below
  double from = 0.0, to = 1.0;      // share of the keys' hashes, [from, to)
  std::vector<std::string> voices;  // who speaks; one voice a sample, drawn by its key
  VariationOptions variation;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("keys", self.keys, "file with one key a line; without it the share from..to");
    visitor("from", self.from, "first part of the share of all keys, 0 to 1");
    visitor("to", self.to, "end of the share, 0 to 1");
    visitor("voices", self.voices, "voices of the speech program");
    visitor("variation", self.variation, "variants of each sample");
  }
  void validate() const;
};

// [data.speech]: how text is spoken.
struct SpeechOptions {
  std::string program = "flite";      // Debian package flite
  std::string cache = "data/speech";  // spoken sounds are kept here
  std::int64_t processes = 2;         // at once
  double silence = 0.01;              // amplitude below which the ends of a sound are silence and cut; 0 cuts nothing
  double margin = 0.04;               // seconds left before and after the sound

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("program", self.program, "the speech program");
    visitor("cache", self.cache, "folder that keeps spoken sounds");
    visitor("processes", self.processes, "voices speaking at once");
    visitor("silence", self.silence, "amplitude under which a sound's ends are cut, 0 cuts nothing");
    visitor("margin", self.margin, "seconds left before and after the sound");
  }
  void validate() const;
};

inline constexpr const char* kAutoForm = "auto";

struct DataOptions {
  std::string form = kAutoForm;  // how `source` is read: one of source_forms()
  std::string source;            // a file or a folder, as the form has it
  std::string table;  // folders: a .csv or .jsonl with a `file` column and further fields; "" takes captions.csv/.jsonl
                      // when there
  std::string group;  // regular expression; what it catches of a key (its first group, or all) is the sample's group
  std::map<std::string, RoleOptions> roles;
  std::map<std::string, SplitOptions> splits;
  SpeechOptions speech;
  SceneOptions scenes;    // of the form "scenes"
  PuzzleOptions puzzles;  // of the form "puzzles"

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("form", self.form, "how the source is read; palimpsest inspect --sources lists the forms");
    visitor("source", self.source, "a file or a folder, as the form has it");
    visitor("table", self.table, "a .csv or .jsonl table of a folder's files");
    visitor("group", self.group, "regular expression that catches a key's group, which no split divides");
    visitor("roles", self.roles, "the roles of a sample");
    visitor("splits", self.splits, "the splits of the data set");
    visitor("speech", self.speech, "how text is spoken");
    visitor("scenes", self.scenes, "the law of scenes, of the form scenes");
    visitor("puzzles", self.puzzles, "the law of puzzles, of the form puzzles");
  }
  void validate() const;
};

// Where a path of a recipe lies: as it is when absolute or there, otherwise under the source tree. InputError naming
// `key` when it is in neither place.
std::filesystem::path find_data(const std::string& path, const std::string& key);

}  // namespace palimpsest
