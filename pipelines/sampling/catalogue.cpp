#include "pipelines/sampling/catalogue.h"

namespace palimpsest {

namespace {

std::vector<CatalogueEntry> unmask_entries() {
  return {
      {"unmask", "confidence", "the likeliest drawn ids, as many as the schedule leaves, with annealed noise",
       "MaskGIT, arXiv 2202.04200"},
      {"unmask", "ancestral", "each mask by itself, with the probability of the reverse process",
       "MDLM, arXiv 2406.07524"},
      {"unmask", "margin", "the greatest lead of the likeliest id over the next", "arXiv 2502.06768"},
      {"unmask", "entropy", "the least entropy of the model's distribution", "Dream, arXiv 2508.15487"},
      {"unmask", "random", "positions at random, as many as the schedule leaves", "LLaDA, arXiv 2502.09992"},
      {"unmask", "halton", "positions spread over the grid by a low-discrepancy sequence", "arXiv 2503.17076"},
      {"unmask", "first-hitting", "one position a step at the time when the process would write it; exact",
       "arXiv 2409.02908"},
      {"unmask", "threshold", "all drawn ids above a probability, at least one a step", "Fast-dLLM, arXiv 2505.22618"},
      {"unmask", "entropy-bounded", "the surest positions while the entropy that they may share is bounded",
       "EB-Sampler, arXiv 2505.24857"},
      {"roles.NAME.unmask", "", "a policy of its own for a role", ""},
      {"choice_noise", "", "Gumbel noise on confidence, margin and entropy, annealed to none over the steps",
       "MaskGIT, arXiv 2202.04200"},
      {"threshold", "", "probability above which threshold writes", "Fast-dLLM, arXiv 2505.22618"},
      {"entropy_bound", "", "nats that positions of one step of entropy-bounded may share",
       "EB-Sampler, arXiv 2505.24857"},
  };
}

std::vector<CatalogueEntry> remask_entries() {
  return {
      {"remask", "none", "what is written stays", ""},
      {"remask", "remdm-cap", "written positions with a probability of at most remask_rate", "ReMDM, arXiv 2503.00307"},
      {"remask", "remdm-rescale", "remask_rate of the most that keeps the marginals", "ReMDM, arXiv 2503.00307"},
      {"remask", "remdm-confidence", "as remdm-cap, the least sure rather than others", "ReMDM, arXiv 2503.00307"},
      {"remask", "quality", "as remdm-confidence, by a head that judges what is written", "PRISM, arXiv 2510.01384"},
      {"remask", "remdm-loop", "as remdm-cap, while the schedule stands still at loop_keep", "ReMDM, arXiv 2503.00307"},
      {"remask", "forward-backward", "a step of noise after each reverse step", "arXiv 2205.14987"},
      {"remask", "edit", "written ids are replaced where the model, seeing them, gives another edit_threshold",
       "LLaDA2.1, arXiv 2602.08676"},
      {"remask_rate", "", "eta: of cap, confidence and loop a probability a step, of rescale a share of the most",
       "ReMDM, arXiv 2503.00307"},
      {"remask_from", "", "remasking only within a window of times, down to remask_until", "ReMDM, arXiv 2503.00307"},
      {"loop_keep", "", "alpha that remdm-loop holds while loop_on to loop_off of the steps are left",
       "ReMDM, arXiv 2503.00307"},
      {"edit_threshold", "", "probability from which edit puts another id", "LLaDA2.1, arXiv 2602.08676"},
  };
}

std::vector<CatalogueEntry> pace_entries() {
  return {
      {"steps", "", "network calls, twice that with guidance; the most that threshold and entropy-bounded take", ""},
      {"grid", "uniform", "steps of equal time", "MDLM, arXiv 2406.07524"},
      {"grid", "cosine", "few ids while little is known: the masked share falls as a cosine",
       "MaskGIT, arXiv 2202.04200"},
      {"joint", "together", "all wanted roles share all steps", ""},
      {"joint", "staggered", "each role begins stagger of the steps after the one before it",
       "UniDisc, arXiv 2503.20853"},
      {"joint", "sequential", "one role after another, the steps divided equally", "UniDisc, arXiv 2503.20853"},
      {"joint_order", "", "of staggered and sequential roles", ""},
      {"block", "", "blocks of a role one after another, each with its share of the steps",
       "LLaDA, arXiv 2502.09992; BD3-LM, arXiv 2503.09573"},
  };
}

std::vector<CatalogueEntry> guidance_entries() {
  return {
      {"guidance", "", "u + w(c - u) on logits; roles with weights of their own one after another",
       "arXiv 2207.12598; InstructPix2Pix, arXiv 2211.09800"},
      {"guidance_schedule", "constant", "the same weight at all times", "arXiv 2207.12598"},
      {"guidance_schedule", "linear", "from no guidance at t = 1 to all of it at 0", "Muse, arXiv 2301.00704"},
      {"guidance_schedule", "cosine", "the same, slow at both ends", "MDTv2, arXiv 2303.14389"},
      {"guidance_from", "", "guidance only within a window of times, down to guidance_until", "arXiv 2404.07724"},
      {"roles.NAME.guidance", "", "a weight of its own for a given role", "InstructPix2Pix, arXiv 2211.09800"},
      {"guidance_convention", "one-is-none", "weights as in u + w(c - u)", "Imagen, arXiv 2205.11487"},
      {"guidance_convention", "zero-is-none", "weights as in (1+w)c - wu", "arXiv 2207.12598"},
  };
}

std::vector<CatalogueEntry> draw_entries() {
  return {
      {"temperature", "", "power 1/temperature of the probabilities; 0 takes the likeliest", ""},
      {"top_k", "", "the k likeliest ids", "arXiv 1805.04833"},
      {"top_p", "", "the fewest likeliest ids that reach this probability", "arXiv 1904.09751"},
      {"min_p", "", "ids at least this likely beside the likeliest", "arXiv 2407.01082"},
      {"repetition_penalty", "", "probabilities of ids that the role holds already, to this power",
       "CTRL, arXiv 1909.05858"},
      {"best_of", "",
       "of several candidates the one after which what was given is likeliest, by best_of_draws draws of the bound",
       "reranking as in DALL-E, arXiv 2102.12092"},
      {"roles.NAME.allow", "", "the only ids that may be written; forbid takes ids from them", ""},
  };
}

}  // namespace

std::vector<CatalogueEntry> sampler_catalogue() {
  std::vector<CatalogueEntry> all;
  for (const auto& group : {unmask_entries(), remask_entries(), pace_entries(), guidance_entries(), draw_entries()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

}  // namespace palimpsest
