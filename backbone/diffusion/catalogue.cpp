#include "backbone/diffusion/catalogue.h"

#include "backbone/diffusion/pattern.h"

namespace palimpsest {

namespace {

std::vector<CatalogueEntry> schedule_entries() {
  return {
      {"schedule.kind", "linear", "keeps 1 - t", "MDLM, arXiv 2406.07524"},
      {"schedule.kind", "cosine", "keeps 1 - sin(pi t/2)", "MaskGIT, arXiv 2202.04200"},
      {"schedule.kind", "log-linear", "keeps 1 - t, under SEDD's name", "SEDD, arXiv 2310.16834"},
      {"schedule.kind", "polynomial", "keeps 1 - t^exponent", "MD4, arXiv 2406.04329"},
      {"schedule.kind", "geometric", "total noise grows geometrically from sigma_min to sigma_max",
       "SEDD, arXiv 2310.16834"},
      {"schedules", "", "a schedule of its own for each modality that is named", ""},
  };
}

std::vector<CatalogueEntry> process_entries() {
  return {
      {"process.kind", "absorbing", "noise makes the mask of a token", "MDLM, arXiv 2406.07524"},
      {"process.kind", "uniform", "noise makes any legal id of a token", "D3PM, arXiv 2107.03006"},
      {"process.kind", "interpolated", "both: uniform noise in between, masks at the end", "GIDD, arXiv 2503.04482"},
  };
}

std::vector<CatalogueEntry> time_entries() {
  return {
      {"times.draw", "stratified", "one time in each equal part of a batch", "VDM, arXiv 2107.00630"},
      {"times.draw", "antithetic", "stratified, mirrored parts hold t and 1 - t", "VDM, arXiv 2107.00630"},
      {"times.draw", "independent", "each for itself", ""},
      {"times.one_per", "modality", "each modality of a document has its own time", ""},
      {"times.one_per", "document", "one time for all of a document", "UniDisc, arXiv 2503.20853"},
      {"times.one_per", "batch", "one time for all of a batch", ""},
      {"times.density", "", "times drawn by a density, losses divided by it", "P-POTS, arXiv 2511.18159"},
  };
}

std::vector<CatalogueEntry> objective_entries() {
  return {
      {"objective.kind", "nelbo", "the process's own bound, exact weights",
       "MDLM, arXiv 2406.07524; GIDD, arXiv 2503.04482"},
      {"objective.kind", "simplified", "cross-entropy, every mask rate alike", "MaskGIT, arXiv 2202.04200"},
      {"objective.kind", "snr-clipped", "the bound, its weights capped where little is masked",
       "min-SNR, arXiv 2303.09556"},
      {"objective.kind", "score-entropy", "ratios of probabilities; absorbing and uniform", "SEDD, arXiv 2310.16834"},
      {"objective.focal", "", "cross-entropy times (1 - p)^focal", "arXiv 1708.02002; arXiv 2410.14157"},
      {"weights", "", "loss weight by modality", ""},
      {"normalisation", "per-modality", "the mean of each modality, then the weighted sum", ""},
      {"normalisation", "per-token", "one mean over all tokens", ""},
      {"complementary", "", "documents come twice, masked where the other is not", "LaViDa, arXiv 2505.16839"},
  };
}

std::vector<CatalogueEntry> given_entries() {
  return {
      {"conditional", "", "share of the documents with at least one role given clean", ""},
      {"given_odds", "", "odds of a role to be among the given ones", ""},
      {"hide_given", "", "how often a given role is hidden, for guidance", "arXiv 2207.12598"},
      {"end_weight", "", "loss weight of the filling after the first end", ""},
  };
}

// Their summaries end in the source, in brackets.
std::vector<CatalogueEntry> pattern_entries() {
  std::vector<CatalogueEntry> entries;
  for (const PatternFamily& family : pattern_families()) {
    const std::string summary = family.summary;
    const std::size_t bracket = summary.rfind(" (");
    const bool sourced = bracket != std::string::npos && summary.ends_with(')');
    entries.push_back({"patterns", enum_name(family.kind), summary.substr(0, sourced ? bracket : summary.size()),
                       sourced ? summary.substr(bracket + 2, summary.size() - bracket - 3) : ""});
  }
  return entries;
}

}  // namespace

std::vector<CatalogueEntry> diffusion_catalogue() {
  std::vector<CatalogueEntry> all;
  for (const auto& group : {process_entries(), schedule_entries(), time_entries(), pattern_entries(),
                            objective_entries(), given_entries()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

}  // namespace palimpsest
