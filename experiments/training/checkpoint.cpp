#include "experiments/training/checkpoint.h"

#include <iostream>
#include <vector>

#include "base/errors.h"
#include "base/failpoint.h"
#include "base/file_stream.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "base/zero_padded.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStepPrefix = "step-";
constexpr std::size_t kDigits = 8;

bool is_checkpoint_name(const std::string& name) {
  return name.starts_with(kStepPrefix) && name.size() >= kStepPrefix.size() + kDigits &&
         name.find_first_not_of("0123456789", kStepPrefix.size()) == std::string::npos;
}

// Checkpoints of a run, oldest first, whole or not. Temporary names do not count.
std::vector<fs::path> checkpoints_of(const fs::path& run) {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  const fs::path folder = run / "checkpoints";
  if (!fs::is_directory(folder)) return {};
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (is_checkpoint_name(name)) found.emplace_back(std::stoll(name.substr(kStepPrefix.size())), entry.path());
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> paths;
  for (auto& [step, path] : found) paths.push_back(std::move(path));
  return paths;
}

nlohmann::json file_hashes(const fs::path& directory) {
  nlohmann::json hashes = nlohmann::json::object();
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().lexically_relative(directory).generic_string();
    if (name != "state.json") hashes[name] = file_hash_hex(entry.path());
  }
  return hashes;
}

void write_tensors_and_state(const fs::path& folder, const CheckpointContent& content) {
  write_safetensors(folder / "model.safetensors", {content.model, {{"format", "pt"}}});
  write_safetensors(folder / "ema.safetensors", {content.average, {{"format", "pt"}}});
  failpoint("checkpoint.middle");
  write_safetensors(folder / "optimizer.safetensors", {content.optimizer, {{"format", "pt"}}});
  write_file_atomically(folder / "recipe.toml", content.recipe);
  nlohmann::json state = to_json(content.state);
  state["files"] = file_hashes(folder);
  write_file_atomically(folder / "state.json", state.dump(1) + "\n");
}

std::int64_t step_of(const fs::path& checkpoint) {
  return std::stoll(checkpoint.filename().string().substr(kStepPrefix.size()));
}

nlohmann::json optional_number(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

std::optional<double> number_if_there(const nlohmann::json& json, const char* name) {
  if (!json.contains(name) || !json[name].is_number()) return std::nullopt;
  return json[name].get<double>();
}

}  // namespace

nlohmann::json to_json(const TrainingState& state) {
  return {{"step", state.step},
          {"updates", state.updates},
          {"skipped", state.skipped},
          {"seconds", state.seconds},
          {"save_stall_seconds", state.save_stall_seconds},
          {"sent_bytes", state.sent_bytes},
          {"joules", optional_number(state.joules)},
          {"gpu_joules", optional_number(state.gpu_joules)},
          {"compute", state.compute},
          {"window", state.window},
          {"validation", state.validation},
          {"validated_step", state.validated_step},
          {"best", optional_number(state.best)}};
}

TrainingState training_state(const nlohmann::json& json, const std::string& file) {
  try {
    TrainingState state;
    json.at("step").get_to(state.step);
    json.at("updates").get_to(state.updates);
    json.at("skipped").get_to(state.skipped);
    json.at("seconds").get_to(state.seconds);
    json.at("compute").get_to(state.compute);
    state.window = json.at("window");
    state.validation = json.at("validation");
    state.validated_step = json.value("validated_step", std::int64_t{-1});
    state.best = number_if_there(json, "best");
    state.save_stall_seconds = number_if_there(json, "save_stall_seconds").value_or(0);
    state.sent_bytes = number_if_there(json, "sent_bytes").value_or(0);
    state.joules = number_if_there(json, "joules");
    state.gpu_joules = number_if_there(json, "gpu_joules");
    return state;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(file, "", error.what());
  }
}

fs::path checkpoint_path(const fs::path& run, std::int64_t step) {
  return run / "checkpoints" / (std::string(kStepPrefix) + zero_padded(step, kDigits));
}

void write_checkpoint(const fs::path& run, CheckpointContent content) { begin_checkpoint(run, std::move(content))(); }

std::function<void()> begin_checkpoint(const fs::path& run, CheckpointContent content) {
  const fs::path path = checkpoint_path(run, content.state.step);
  if (fs::exists(path) && checkpoint_damage(path).empty()) return [] {};
  fs::create_directories(path.parent_path());
  const auto directory = std::make_shared<AtomicDirectory>(path);
  failpoint("checkpoint.begin");
  if (content.save_extras) content.save_extras(directory->working());
  return [directory, content = std::move(content)] {
    write_tensors_and_state(directory->working(), content);
    failpoint("checkpoint.before_commit");
    directory->commit();
    failpoint("checkpoint.after_commit");
  };
}

std::string checkpoint_damage(const fs::path& checkpoint) {
  const fs::path state_path = checkpoint / "state.json";
  if (!fs::exists(state_path)) return "state.json is missing";
  const nlohmann::json state = nlohmann::json::parse(read_file(state_path), nullptr, /*allow_exceptions=*/false);
  if (!state.is_object() || !state.contains("files")) return "state.json is not readable";
  for (const auto& [name, hash] : state["files"].items()) {
    if (!fs::exists(checkpoint / name)) return name + " is missing";
    if (file_hash_hex(checkpoint / name) != hash) return name + " differs from its hash in state.json";
  }
  return "";
}

std::optional<fs::path> newest_checkpoint(const fs::path& run) {
  std::vector<fs::path> paths = checkpoints_of(run);
  for (; !paths.empty(); paths.pop_back()) {
    const std::string damage = checkpoint_damage(paths.back());
    if (damage.empty()) return paths.back();
    std::cerr << "passing over " << paths.back().string() << ": " << damage << "\n";
  }
  return std::nullopt;
}

CheckpointContent read_checkpoint(const fs::path& checkpoint) {
  CheckpointContent content;
  content.model = read_safetensors(checkpoint / "model.safetensors").tensors;
  content.average = read_safetensors(checkpoint / "ema.safetensors").tensors;
  content.optimizer = read_safetensors(checkpoint / "optimizer.safetensors").tensors;
  content.state = read_checkpoint_state(checkpoint);
  content.recipe = read_file(checkpoint / "recipe.toml");
  return content;
}

TrainingState read_checkpoint_state(const fs::path& checkpoint) {
  const fs::path path = checkpoint / "state.json";
  return training_state(nlohmann::json::parse(read_file(path)), path.string());
}

std::optional<std::int64_t> best_checkpoint(const fs::path& run, const KeepPolicy& policy) {
  std::optional<std::int64_t> best;
  double best_figure = 0;
  for (const fs::path& path : checkpoints_of(run)) {
    if (!fs::exists(path / "state.json")) continue;
    const TrainingState state = read_checkpoint_state(path);
    if (state.validated_step != state.step || !state.validation.contains(policy.best_by)) continue;
    const double figure = state.validation[policy.best_by].get<double>();
    const bool better = policy.highest ? figure > best_figure : figure < best_figure;
    if (!best || better) {
      best = state.step;
      best_figure = figure;
    }
  }
  return best;
}

void prune_checkpoints(const fs::path& run, const KeepPolicy& policy) {
  const std::vector<fs::path> paths = checkpoints_of(run);
  const std::optional<std::int64_t> best = best_checkpoint(run, policy);
  for (std::size_t i = 0; i + static_cast<std::size_t>(policy.newest) < paths.size(); ++i) {
    const std::int64_t step = step_of(paths[i]);
    const bool for_ever = policy.every > 0 && step % policy.every == 0;
    if (!for_ever && step != best) fs::remove_all(paths[i]);
  }
}

}  // namespace palimpsest
