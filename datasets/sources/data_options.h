// What a data set is: where its files lie, what its roles are made of, how it splits. The [data] table of recipes that
// read media.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/bounded_json.h"
#include "base/options.h"
#include "datasets/puzzles/options.h"
#include "datasets/scenes/options.h"
#include "modalities/media/clips.h"
#include "modalities/media/form.h"

namespace palimpsest {

// Which of several texts a sample takes: a field that is a list, or the lines of a side-file.
enum class SeveralTexts { kWhole, kFirst, kDraw, kEach };
constexpr auto enum_names(SeveralTexts) {
  return std::array{std::pair{SeveralTexts::kWhole, "whole"}, std::pair{SeveralTexts::kFirst, "first"},
                    std::pair{SeveralTexts::kDraw, "draw"}, std::pair{SeveralTexts::kEach, "each"}};
}

// [data.roles.ROLE]: one role, taken from a member (a file KEY.extension) or spoken from a text role.
struct RoleOptions {
  std::string kind;                  // text, image or audio
  std::vector<std::string> members;  // extensions; a sample has exactly one of them
  std::string field;                 // of the json member or the table: the field that holds the text; a.b within a
  SeveralTexts several = SeveralTexts::kWhole;  // each: as many samples, KEY#1of5 and on
  std::string prefix;                           // of a text file: only the lines that begin with it, without it
  std::string spoken;                           // the text role that this audio role speaks, instead of members
  bool optional = false;                        // may a sample lack it?
  std::int64_t split_bytes = 0;  // of text: a longer one becomes as many samples, KEY#1of3 and on; 0: never
  std::int64_t rows = 0, columns = 0;
  FitPolicy fit = FitPolicy::kRefuse;
  std::int64_t sample_rate = 16'000;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("kind", self.kind, "text, image or audio");
    visitor("members", self.members, "file extensions; a sample has exactly one of them");
    visitor("field", self.field, "field of the json member or column of the table that holds the text; a.b within a");
    visitor("several", self.several, "of several texts: the first, one drawn by the key, or each as a sample");
    visitor("prefix", self.prefix, "only the lines of the text that begin with it, without it");
    visitor("spoken", self.spoken, "the text role that this role speaks");
    visitor("optional", self.optional, "may a sample lack the role?");
    visitor("split_bytes", self.split_bytes, "a longer text becomes several samples, cut between words; 0 for never");
    visitor("rows", self.rows, "height of pictures in pixels, 0 as they are");
    visitor("columns", self.columns, "width of pictures in pixels");
    visitor("fit", self.fit, "pictures of another size: crop, pad, stretch or refuse");
    visitor("sample_rate", self.sample_rate, "of audio, Hz");
  }
  void validate() const;
  MediaForm form() const { return {kind, sample_rate, rows, columns, fit, {}}; }
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

// What to do about a file of many samples that is cut, damaged or gone: stop, or count what is left of it as one
// unreadable sample.
enum class DamagedFile { kStop, kSkip };
constexpr auto enum_names(DamagedFile) {
  return std::array{std::pair{DamagedFile::kStop, "stop"}, std::pair{DamagedFile::kSkip, "skip"}};
}

// [data.tar]
struct TarOptions {
  DamagedFile damaged = DamagedFile::kStop;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("damaged", self.damaged, "a tar that is cut, damaged or gone: stop, or skip what is left of it");
  }
};

// [data.lines]
enum class TextUnit { kLine, kParagraph, kFortune };
constexpr auto enum_names(TextUnit) {
  return std::array{std::pair{TextUnit::kLine, "line"}, std::pair{TextUnit::kParagraph, "paragraph"},
                    std::pair{TextUnit::kFortune, "fortune"}};
}
struct LinesOptions {
  TextUnit sample = TextUnit::kLine;  // a paragraph ends at a blank line, a fortune at a line that is "%"

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("sample", self.sample, "a line, a paragraph (to a blank line) or a fortune (to a line %)");
  }
};

// [data.hdf5]
struct Hdf5Options {
  std::vector<std::string> fields;  // arrays of one number or text a row, besides those that roles name
  std::int64_t memory_mb = 1024;    // that the reader of one file may take
  double stall_seconds = 60.0;      // that it may say nothing
  DamagedFile damaged = DamagedFile::kStop;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("fields", self.fields, "arrays of one number or text a row that become fields");
    visitor("memory_mb", self.memory_mb, "memory that a file's reader may take, MB");
    visitor("stall_seconds", self.stall_seconds, "how long it may say nothing, seconds");
    visitor("damaged", self.damaged, "a file that is damaged or ends its reader: stop, or skip what is left of it");
  }
  void validate() const;
};

// [data.video]
struct VideoOptions {
  double clip_seconds = 2.0;  // what is left at a film's end is no clip
  std::int64_t frames = 1;    // pictures a clip
  std::vector<std::string> files = {"mp4", "mkv", "webm", "avi", "mov"};

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("clip_seconds", self.clip_seconds, "length of a clip, seconds");
    visitor("frames", self.frames, "pictures a clip");
    visitor("files", self.files, "extensions of films");
  }
  void validate() const;
};

// [data.limits]: what one sample may cost. What is larger fails alone, before memory is taken for it.
struct LimitOptions {
  double max_seconds = 300.0;    // of a sound
  double max_megapixels = 64.0;  // of a picture
  double film_megapixels = 10.0;
  double film_hours = 24.0;
  std::int64_t text_mb = 8;        // of a text
  std::int64_t json_mb = 16;       // of a JSON document,
  std::int64_t json_levels = 200;  // how deep its values may lie in each other,
  std::int64_t json_values = 1'000'000;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("max_seconds", self.max_seconds, "longest sound, seconds");
    visitor("max_megapixels", self.max_megapixels, "largest picture, millions of pixels");
    visitor("film_megapixels", self.film_megapixels, "largest picture of a film, millions of pixels");
    visitor("film_hours", self.film_hours, "longest film, hours");
    visitor("text_mb", self.text_mb, "largest text, MB");
    visitor("json_mb", self.json_mb, "largest JSON document, MB");
    visitor("json_levels", self.json_levels, "how deep a JSON document's values may lie in each other");
    visitor("json_values", self.json_values, "how many values a JSON document may have");
  }
  void validate() const;
  MediaLimits media() const;
  JsonLimits json() const { return {json_mb << 20, json_levels, json_values}; }
  FilmLimits film() const;
};

// [data.idx]
struct IdxOptions {
  std::string labels;                // the file of labels
  std::vector<std::string> classes;  // names of the labels, from 0

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("labels", self.labels, "the IDX file of labels, one a picture");
    visitor("classes", self.classes, "names of the labels, from 0");
  }
};

struct DataOptions {
  std::string form = kAutoForm;  // how `source` is read: one of source_forms()
  std::string source;            // a file or a folder, as the form has it; {a,b}, {000..012}, * and ? name several
  std::string table;  // folders: a .csv, .tsv or .jsonl with a `file` column and further fields; "" takes captions.csv,
                      // .tsv or .jsonl when there
  TarOptions tar;
  LinesOptions lines;
  IdxOptions idx;
  Hdf5Options hdf5;
  VideoOptions video;
  LimitOptions limits;
  std::string group;  // regular expression; what it catches of a key (its first group, or all) is the sample's group
  std::string group_field;  // or the field whose value is the sample's group
  std::map<std::string, RoleOptions> roles;
  std::map<std::string, SplitOptions> splits;
  SpeechOptions speech;
  SceneOptions scenes;    // of the form "scenes"
  PuzzleOptions puzzles;  // of the form "puzzles"

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("form", self.form, "how the source is read; palimpsest inspect --sources lists the forms");
    visitor("source", self.source, "a file, a folder or a pattern such as a-{00..12}.tar, as the form has it");
    visitor("table", self.table, "a .csv, .tsv or .jsonl table of a folder's files");
    visitor("group", self.group, "regular expression that catches a key's group, which no split divides");
    visitor("group_field", self.group_field,
            "field whose value is the sample's group, which no split divides; a.b within a");
    visitor("limits", self.limits, "what one sample may cost");
    visitor("tar", self.tar, "of tars");
    visitor("lines", self.lines, "of texts");
    visitor("idx", self.idx, "of IDX files");
    visitor("hdf5", self.hdf5, "of HDF5 files");
    visitor("video", self.video, "of films");
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
