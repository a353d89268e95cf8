// A request is a length, a header of JSON and the file's bytes; an answer is kLarge (which waits for a word to go on)
// any number of times, then kError with a text, or kMedia and what was asked for: a text, picture or sound; the number
// of a film's clips; the next clip of the film that was asked for last. Numbers are the machine's own: both sides are
// one program.
//
// Shapes: H rows, W columns, C channels (3), N samples.
#include "modalities/media/apart.h"

#include <cstdio>
#include <cstring>

#include "base/errors.h"
#include "base/failpoint.h"

namespace palimpsest {

namespace {

constexpr char kLarge = 'l', kError = 'e', kMedia = 'm', kGoOn = 'g';
constexpr const char *kWantsMedia = "media", *kWantsFilm = "film", *kWantsClip = "clip";

constexpr std::size_t kLongestError = 64 << 10, kLongestText = 1 << 30;  // bytes

nlohmann::json header_of(std::string_view bytes, std::string_view name, const MediaForm& form) {
  const ImageLimits& image = form.limits.image;
  const AudioLimits& audio = form.limits.audio;
  return {{"wants", kWantsMedia},       {"bytes", bytes.size()},           {"name", name},
          {"kind", form.kind},          {"sample_rate", form.sample_rate}, {"max_pixels", image.max_pixels},
          {"max_side", image.max_side}, {"large", image.large_pixels},     {"max_seconds", audio.max_seconds},
          {"min_rate", audio.min_rate}, {"max_rate", audio.max_rate}};
}

MediaForm form_of_header(const nlohmann::json& header) {
  MediaForm form;
  form.kind = header.at("kind");
  form.sample_rate = header.at("sample_rate");
  form.limits.image.max_pixels = header.at("max_pixels");
  form.limits.image.max_side = header.at("max_side");
  form.limits.image.large_pixels = header.at("large");
  form.limits.audio.max_seconds = header.at("max_seconds");
  form.limits.audio.min_rate = header.at("min_rate");
  form.limits.audio.max_rate = header.at("max_rate");
  return form;
}

nlohmann::json header_of(std::string_view bytes, std::string_view name, const FilmForm& form) {
  return {{"wants", kWantsFilm},
          {"bytes", bytes.size()},
          {"name", name},
          {"seconds", form.clips.seconds},
          {"frames", form.clips.frames},
          {"max_seconds", form.clips.limits.max_seconds},
          {"max_pixels", form.clips.limits.max_pixels},
          {"sample_rate", form.sample_rate}};
}

FilmForm film_form_of_header(const nlohmann::json& header) {
  FilmForm form;
  form.clips.seconds = header.at("seconds");
  form.clips.frames = header.at("frames");
  form.clips.limits.max_seconds = header.at("max_seconds");
  form.clips.limits.max_pixels = header.at("max_pixels");
  form.sample_rate = header.at("sample_rate");
  return form;
}

// ---- the process that decodes ----------------------------------------------------------------------------------

// Exactly so many bytes of stdin; false at its end.
bool get(std::string& bytes, std::size_t count) {
  bytes.resize(count);
  return std::fread(bytes.data(), 1, count, stdin) == count;
}

struct Putter {
  void operator()(const Text& text) const { out.text(text.utf8); }
  void operator()(const Image& image) const {
    const at::Tensor pixels_HWC = image.pixels_HWC.contiguous();
    out.number(pixels_HWC.size(0));
    out.number(pixels_HWC.size(1));
    out.bytes({static_cast<const char*>(pixels_HWC.const_data_ptr()), pixels_HWC.nbytes()});
  }
  void operator()(const Audio& audio) const {
    const at::Tensor samples_N = audio.samples_N.contiguous();
    out.number(samples_N.numel());
    out.bytes({static_cast<const char*>(samples_N.const_data_ptr()), samples_N.nbytes()});
  }
  ApartWriter out = ApartWriter();
};

void put_error(std::string_view text) {
  ApartWriter().byte(kError);
  ApartWriter().text(text.substr(0, kLongestError));
}

void put_count(std::size_t count) { ApartWriter().number(static_cast<std::int64_t>(count)); }

void ask_for_large() {
  ApartWriter().byte(kLarge);
  ApartWriter().flush();
  std::string answer;
  get(answer, 1);
}

void answer_media(const nlohmann::json& header, std::string_view bytes) {
  MediaForm form = form_of_header(header);
  form.limits.image.before_large = ask_for_large;
  const Media media = decode_media(bytes, header.at("name").get<std::string>(), form).media;
  ApartWriter().byte(kMedia);
  std::visit(Putter{}, media);
}

void answer_clip(FilmClips& film) {
  const FilmClip clip = film.next();
  ApartWriter().byte(kMedia);
  put_count(clip.frames.size());
  for (const Image& frame : clip.frames) Putter{}(frame);
  put_count(clip.sound ? 1 : 0);
  if (clip.sound) Putter{}(*clip.sound);
}

// `film` is the one that was asked for last.
void answer(const nlohmann::json& header, std::string bytes, std::unique_ptr<FilmClips>& film) {
  const std::string name = header.at("name"), wants = header.at("wants");
  failpoint("decode.apart");
  try {
    if (wants == kWantsClip && film) return answer_clip(*film);
    film.reset();
    if (wants == kWantsMedia) return answer_media(header, bytes);
    film = open_film(std::move(bytes), name, film_form_of_header(header));
    ApartWriter().byte(kMedia);
    put_count(static_cast<std::size_t>(film->count()));
  } catch (const InputError& error) {
    put_error(error.what());
  } catch (const std::exception& error) {  // out of the memory that it may take, say
    put_error(name + ": cannot be decoded (" + std::string(error.what()).substr(0, 200) + ")");
  }
}

}  // namespace

int serve_decoding(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) return 2;
  bound_own_process(std::stoul(arguments[0]));
  std::unique_ptr<FilmClips> film;
  std::uint32_t length = 0;
  for (std::string header, bytes; std::fread(&length, sizeof length, 1, stdin) == 1;) {
    if (!get(header, length)) return 1;
    const auto request = nlohmann::json::parse(header);
    if (!get(bytes, request.at("bytes").get<std::size_t>())) return 1;
    answer(request, std::move(bytes), film);
    if (!ApartWriter().flush()) return 1;
  }
  return 0;
}

// ---- the process that asks -------------------------------------------------------------------------------------

class ApartDecoders::Process {
 public:
  explicit Process(const ApartOptions& options)
      : dialogue_({options.program, kDecodeApart, std::to_string(options.memory_mb)}, options.stall_seconds) {}

  // InputError when the file is refused; IoError when the process is at its end.
  FormedMedia decode(std::string_view bytes, std::string_view name, const MediaForm& form) {
    ask(header_of(bytes, name, form), bytes, form.limits.image.before_large);
    return {read_media(form), ""};
  }

  // The number of its clips; then one after the other.
  std::int64_t open_film(std::string_view bytes, std::string_view name, const FilmForm& form) {
    ask(header_of(bytes, name, form), bytes);
    return read_count();
  }
  FilmClip next_clip(std::string_view name, const FilmForm& form) {
    ask({{"wants", kWantsClip}, {"bytes", 0}, {"name", name}}, "");
    FilmClip clip;
    for (std::int64_t frames = read_count(); frames > 0; --frames) clip.frames.push_back(read_image());
    if (read_count() > 0) clip.sound = read_audio(form.sample_rate);
    return clip;
  }

 private:
  // Until the answer's kMedia.
  void ask(const nlohmann::json& request, std::string_view bytes, const std::function<void()>& before_large = {}) {
    const std::string header = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const auto length = static_cast<std::uint32_t>(header.size());
    dialogue_.write({reinterpret_cast<const char*>(&length), sizeof length});
    dialogue_.write(header);
    dialogue_.write(bytes);
    char word = read_number<char>(answers_);
    for (; word == kLarge; word = read_number<char>(answers_)) {
      if (before_large) before_large();
      dialogue_.write({&kGoOn, 1});
    }
    if (word == kError) throw InputError(read_text(answers_, kLongestError), "", "");
  }

  std::int64_t read_count() { return read_number<std::int64_t>(answers_); }

  at::Tensor read_tensor(at::IntArrayRef shape, at::ScalarType type) {
    at::Tensor tensor = at::empty(shape, type);
    auto* out = static_cast<char*>(tensor.mutable_data_ptr());
    constexpr std::size_t kPiece = 1 << 20;  // so that what is read is never there twice
    for (std::size_t done = 0; done < tensor.nbytes();) {
      const std::string piece = read_exactly(answers_, std::min(kPiece, tensor.nbytes() - done));
      std::memcpy(out + done, piece.data(), piece.size());
      done += piece.size();
    }
    return tensor;
  }

  Media read_media(const MediaForm& form) {
    if (form.kind == "text") return Text{read_text(answers_, kLongestText)};
    if (form.kind == "audio") return read_audio(form.sample_rate);
    return read_image();
  }
  Audio read_audio(std::int64_t sample_rate) { return {read_tensor({read_count()}, at::kFloat), sample_rate}; }
  Image read_image() {
    const std::int64_t rows = read_count(), columns = read_count();
    return {read_tensor({rows, columns, 3}, at::kByte)};
  }

  ProgramDialogue dialogue_;
  ProgramReader& answers_ = dialogue_.answers();
};

// A process that is kept for the next file in the end, unless it is at its own.
class ApartDecoders::Lease {
 public:
  explicit Lease(ApartDecoders& decoders) : decoders_(decoders), process_(decoders.take()) {}
  ~Lease() { decoders_.keep(std::move(process_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // What the question makes of the process; InputError naming `name` where that ends.
  template <class Question>
  auto ask(std::string_view name, const Question& question) {
    if (!process_) throw InputError(name, "", "the process that reads it was ended before");
    try {
      return question(*process_);
    } catch (const IoError& error) {  // gone, or about to be
      process_.reset();
      throw InputError(name, "", error.what());
    }
  }

 private:
  ApartDecoders& decoders_;
  ProcessPointer process_;
};

class ApartDecoders::ApartFilm : public FilmClips {
 public:
  ApartFilm(ApartDecoders& decoders, std::string_view bytes, std::string name, const FilmForm& form)
      : lease_(decoders), name_(std::move(name)), form_(form) {
    count_ = lease_.ask(name_, [&](Process& process) { return process.open_film(bytes, name_, form_); });
  }

  std::int64_t count() const override { return count_; }
  FilmClip next() override {
    return lease_.ask(name_, [this](Process& process) { return process.next_clip(name_, form_); });
  }

 private:
  Lease lease_;
  std::string name_;
  FilmForm form_;
  std::int64_t count_ = 0;
};

ApartDecoders::ApartDecoders(ApartOptions options) : options_(std::move(options)) {}

ApartDecoders::~ApartDecoders() = default;

ApartDecoders::ProcessPointer ApartDecoders::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return std::make_unique<Process>(options_);
  auto process = std::move(free_.back());
  free_.pop_back();
  return process;
}

void ApartDecoders::keep(ProcessPointer process) {
  if (!process) return;
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(process));
}

FormedMedia ApartDecoders::decode(std::string_view bytes, std::string_view name, const MediaForm& form) {
  return Lease(*this).ask(name, [&](Process& process) { return process.decode(bytes, name, form); });
}

std::unique_ptr<FilmClips> ApartDecoders::open_film(std::string_view bytes, const std::string& name,
                                                    const FilmForm& form) {
  return std::make_unique<ApartFilm>(*this, bytes, name, form);
}

Decoding ApartDecoders::decoding() {
  return {[this](std::string_view bytes, std::string_view name, const MediaForm& form) {
            return decode(bytes, name, form);
          },
          [this](const std::string& bytes, const std::string& name, const FilmForm& form) {
            return open_film(bytes, name, form);
          }};
}

}  // namespace palimpsest
