#include "datasets/sources/source_form.h"

#include "datasets/sources/folder_source.h"
#include "datasets/sources/hdf5_source.h"
#include "datasets/sources/idx_source.h"
#include "datasets/sources/lines_source.h"
#include "datasets/sources/puzzles_source.h"
#include "datasets/sources/scenes_source.h"
#include "datasets/sources/source_files.h"
#include "datasets/sources/tar_source.h"
#include "datasets/sources/video_source.h"
#include "datasets/sources/wordnet_source.h"

namespace palimpsest {

namespace {

std::vector<std::string> form_names() {
  std::vector<std::string> names{kAutoForm};
  for (const SourceForm& form : source_forms()) names.push_back(form.name);
  return names;
}

}  // namespace

const std::vector<SourceForm>& source_forms() {
  static const std::vector<SourceForm> forms{folder_form(),  lines_form(), tar_form(),    idx_form(),    hdf5_form(),
                                             wordnet_form(), video_form(), scenes_form(), puzzles_form()};
  return forms;
}

const SourceForm& form_of(const DataOptions& data) {
  const auto& forms = source_forms();
  const bool by_name = data.form != kAutoForm;
  std::filesystem::path path = data.source;
  if (!by_name && !(is_pattern(data.source) && !std::filesystem::exists(path)))
    path = find_data(data.source, "data.source");
  const auto found = std::find_if(forms.begin(), forms.end(), [&](const SourceForm& form) {
    return by_name ? form.name == data.form : form.claims != nullptr && form.claims(path);
  });
  if (found != forms.end()) return *found;
  if (by_name)
    throw InputError("", "data.form", "unknown value '" + data.form + "'" + suggest(data.form, form_names()));
  throw InputError("", "data.form", "no form claims " + path.string() + "; name one" + suggest("", form_names()));
}

std::vector<CatalogueEntry> source_catalogue() {
  std::vector<CatalogueEntry> entries{{"form", kAutoForm, "the form that claims the path: by folder or ending", ""}};
  for (const SourceForm& form : source_forms()) {
    const std::string own = form.settings.empty() ? "" : "; settings in [data." + form.settings + "]";
    entries.push_back({"form", form.name, form.line + own, ""});
  }
  return entries;
}

}  // namespace palimpsest
