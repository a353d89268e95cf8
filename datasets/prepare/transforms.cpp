// Shapes: H rows, W columns, C channels (3), N samples.
#include "datasets/prepare/transforms.h"

#include <cmath>
#include <set>
#include <sstream>

#include "base/random.h"
#include "datasets/sources/speech.h"
#include "modalities/media/image.h"

namespace palimpsest {

namespace {

constexpr double kLoudestPeak = 0.99;  // of full scale
constexpr double kSilentEnds = 0.01;   // amplitude below which the ends of a sound are silence
constexpr double kMarginSeconds = 0.04;

void flip(const TransformOptions& options, RandomKey, Sample& sample) {
  if (const auto caption = sample.roles.find(options.caption); caption != sample.roles.end()) {
    Text& text = std::get<Text>(caption->second);
    const auto swapped = swap_directions(text.utf8);
    if (swapped && options.words == DirectionWords::kLeave) return;
    if (swapped) text.utf8 = *swapped;
  }
  at::Tensor& pixels_HWC = std::get<Image>(sample.roles.at(options.role)).pixels_HWC;
  pixels_HWC = pixels_HWC.flip({1}).contiguous();
}

void crop(const TransformOptions& options, RandomKey key, Sample& sample) {
  at::Tensor& pixels_HWC = std::get<Image>(sample.roles.at(options.role)).pixels_HWC;
  const double share = options.least + (1.0 - options.least) * key.uniform(0);
  const auto kept = [share](std::int64_t side) {
    return std::max<std::int64_t>(1, std::llround(share * static_cast<double>(side)));
  };
  const std::int64_t rows = pixels_HWC.size(0), columns = pixels_HWC.size(1);
  const auto start = [&key](std::int64_t room, std::uint64_t draw) {
    return static_cast<std::int64_t>(key.below(static_cast<std::uint64_t>(room) + 1, draw));
  };
  const at::Tensor part_HWC = pixels_HWC.narrow(0, start(rows - kept(rows), 1), kept(rows))
                                  .narrow(1, start(columns - kept(columns), 2), kept(columns));
  pixels_HWC = fit_image({part_HWC.contiguous()}, rows, columns, FitPolicy::kStretch).pixels_HWC;
}

// RMS to the level, or as near as the loudest peak allows.
void loudness(const TransformOptions& options, RandomKey, Sample& sample) {
  at::Tensor& samples_N = std::get<Audio>(sample.roles.at(options.role)).samples_N;
  if (samples_N.numel() == 0) return;
  const double level = samples_N.to(at::kDouble).square().mean().sqrt().item<double>();
  const double peak = samples_N.abs().max().item<double>();
  if (level == 0.0) return;
  samples_N = samples_N * std::min(std::pow(10.0, options.level / 20.0) / level, kLoudestPeak / peak);
}

void trim(const TransformOptions& options, RandomKey, Sample& sample) {
  Audio& audio = std::get<Audio>(sample.roles.at(options.role));
  const auto margin = static_cast<std::int64_t>(kMarginSeconds * static_cast<double>(audio.sample_rate));
  const Audio trimmed = trim_silence(audio, kSilentEnds, margin);
  if (trimmed.samples_N.numel() > 0) audio = trimmed;
}

void drop(const TransformOptions& options, RandomKey, Sample& sample) {
  if (sample.roles.size() > 1) sample.roles.erase(options.role);
}

void blanks(const TransformOptions& options, RandomKey, Sample& sample) {
  std::string& text = std::get<Text>(sample.roles.at(options.role)).utf8;
  std::string tidy;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!blank) tidy += c;
    if (blank && !tidy.empty() && tidy.back() != ' ') tidy += ' ';
  }
  if (tidy.ends_with(' ')) tidy.pop_back();
  if (!tidy.empty()) text = tidy;
}

// The text with its {NAME}s replaced: {caption} by `caption`, others by the meta's field; nullopt when a field is not
// there.
std::optional<std::string> filled(const std::string& text, const std::string& caption, const nlohmann::json& meta) {
  std::string result;
  std::size_t at = 0;
  for (std::size_t open = text.find('{'); open != std::string::npos; open = text.find('{', at)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string::npos) break;
    const std::string name = text.substr(open + 1, close - open - 1);
    const bool known = name == "caption" || (meta.is_object() && meta.contains(name) && meta[name].is_string());
    if (!known) return std::nullopt;
    result += text.substr(at, open - at) + (name == "caption" ? caption : meta[name].get<std::string>());
    at = close + 1;
  }
  return result + text.substr(at);
}

void fill_template(const TransformOptions& options, RandomKey key, Sample& sample) {
  std::string& text = std::get<Text>(sample.roles.at(options.role)).utf8;
  std::vector<std::string> possible;
  for (const std::string& one : options.texts) {
    if (auto made = filled(one, text, sample.meta)) possible.push_back(std::move(*made));
  }
  if (!possible.empty()) text = possible[key.below(possible.size(), 0)];
}

bool is_letter(char c) { return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c & 0x80) != 0; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

std::string in_lower_case(std::string word) {
  for (char& c : word) c = static_cast<char>(is_capital(c) ? c + 0x20 : c);
  return word;
}

// `word` in the capitals of `like`: none, the first, or all.
std::string in_capitals_of(std::string word, const std::string& like) {
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (is_capital(like[std::min<std::size_t>(at, 1)])) word[at] = static_cast<char>(word[at] - 0x20);
  }
  return word;
}

// right for left, Leftmost for Rightmost; nullopt for another word.
std::optional<std::string> other_direction(const std::string& word) {
  static const std::set<std::string> kEndings{"", "most", "ward", "wards", "hand"};
  const std::string lower = in_lower_case(word);
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"left", "right"}, {"right", "left"}}) {
    if (!lower.starts_with(from) || !kEndings.contains(lower.substr(from.size()))) continue;
    return in_capitals_of(to, word) + word.substr(from.size());
  }
  return std::nullopt;
}

struct TransformKind {
  const char* name;
  const char* media;  // kind; "" for any
  const char* line;
  std::set<std::string> settings;  // beside kind, role and probability
  void (*apply)(const TransformOptions&, RandomKey, Sample&);
};

const std::vector<TransformKind>& transform_kinds() {
  static const std::vector<TransformKind> kinds{
      {"flip",
       "image",
       "mirrored left to right; a caption that says left or right stops it or has its words swapped",
       {"caption", "words"},
       flip},
      {"crop",
       "image",
       "a part of at least `least` of each side, drawn by the key, brought back to the size",
       {"least"},
       crop},
      {"loudness", "audio", "root mean square brought to `level`, peaks at most 0.99", {"level"}, loudness},
      {"trim", "audio", "ends below 0.01 of full scale cut but for 40 ms", {}, trim},
      {"template",
       "text",
       "one of `texts`, drawn by the key, with {caption} and fields of the meta filled in",
       {"texts"},
       fill_template},
      {"blanks", "text", "runs of blanks and line ends made one blank, ends cut", {}, blanks},
      {"dropout", "", "the role taken out, unless it is the last one", {}, drop},
  };
  return kinds;
}

std::string text_of(const toml::node& value) {
  std::ostringstream text;
  text << toml::node_view<const toml::node>(value);
  return text.str();
}

const TransformKind& find_kind(const std::string& name) {
  std::vector<std::string> names;
  for (const TransformKind& kind : transform_kinds()) {
    if (kind.name == name) return kind;
    names.emplace_back(kind.name);
  }
  throw InputError("", "kind",
                   (name.empty() ? "must be given" : "unknown value '" + name + "'") + suggest(name, names));
}

}  // namespace

void TransformOptions::validate() const {
  const TransformKind& found = find_kind(kind);
  if (role.empty()) throw InputError("", "role", "must be given");
  if (!(probability > 0.0 && probability <= 1.0)) throw InputError("", "probability", "must lie in 0..1 and not be 0");
  if (!(least > 0.0 && least <= 1.0)) throw InputError("", "least", "must lie in 0..1 and not be 0");
  if (!(level >= -60.0 && level <= 0.0)) throw InputError("", "level", "must lie in -60..0 dB");
  if (kind == "template" && texts.empty()) throw InputError("", "texts", "at least one is needed");
  const toml::table mine = to_toml(*this), plain = to_toml(TransformOptions{});
  for (const auto& [name, value] : mine) {
    const std::string setting(name.str());
    const bool taken =
        setting == "kind" || setting == "role" || setting == "probability" || found.settings.contains(setting);
    if (!taken && text_of(value) != text_of(*plain.get(setting)))
      throw InputError("", setting, kind + " does not take it");
  }
}

std::vector<CatalogueEntry> transform_catalogue() {
  std::vector<CatalogueEntry> entries;
  for (const TransformKind& kind : transform_kinds()) {
    const std::string media = *kind.media ? kind.media : "any";
    entries.push_back({"transforms", kind.name, media + ": " + kind.line, ""});
  }
  return entries;
}

std::string_view transformed_kind(const TransformOptions& options) { return find_kind(options.kind).media; }

void transform(const std::vector<TransformOptions>& transforms, Sample& sample) {
  const RandomKey root = RandomKey::root(0).fold("transform");
  for (std::size_t number = 0; number < transforms.size(); ++number) {
    const TransformOptions& options = transforms[number];
    const RandomKey key = root.fold(number).fold(sample.key);
    if (!sample.roles.contains(options.role)) continue;
    if (options.probability < 1.0 && key.fold("whether").uniform(0) >= options.probability) continue;
    find_kind(options.kind).apply(options, key, sample);
  }
}

std::optional<std::string> swap_directions(const std::string& text) {
  std::string result;
  bool found = false;
  for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
    end = at + 1;
    if (is_letter(text[at]))
      end = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_letter) - text.begin();
    const std::string word = text.substr(at, end - at);
    const auto other = other_direction(word);
    found = found || other;
    result += other.value_or(word);
  }
  if (!found) return std::nullopt;
  return result;
}

}  // namespace palimpsest
