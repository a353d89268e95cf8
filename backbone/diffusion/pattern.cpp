#include "backbone/diffusion/pattern.h"

namespace palimpsest {

std::span<const PatternFamily> pattern_families() {
  static constexpr std::array kFamilies{
      PatternFamily{PatternKind::kIid, "every position for itself (MDLM, arXiv 2406.07524)", iid_ranks},
      PatternFamily{PatternKind::kSpans, "contiguous runs of geometric length (SpanBERT, arXiv 1907.10529)",
                    span_ranks},
      PatternFamily{PatternKind::kBlocks, "2-D blocks of rows and columns, all depths (BEiT, arXiv 2106.08254)",
                    block_ranks},
      PatternFamily{PatternKind::kScale, "whole scales or codebooks (VampNet, arXiv 2307.04686)", scale_ranks},
      PatternFamily{PatternKind::kRole, "whole roles, each for itself (UniDisc, arXiv 2503.20853)", role_ranks},
      PatternFamily{PatternKind::kModality, "whole modalities: their roles together (UniDisc, arXiv 2503.20853)",
                    modality_ranks},
      PatternFamily{PatternKind::kPrefix, "a stretch from the beginning: the mirror of suffix (UL2, arXiv 2205.05131)",
                    prefix_ranks},
      PatternFamily{PatternKind::kSuffix, "a stretch up to the end: continuation (UL2's S-denoiser, arXiv 2205.05131)",
                    suffix_ranks},
      PatternFamily{PatternKind::kInfill, "one stretch anywhere (FIM, arXiv 2207.14255)", infill_ranks},
      PatternFamily{PatternKind::kHalves, "the two halves along an axis, as in half-picture completion (iGPT)",
                    half_ranks},
      PatternFamily{
          PatternKind::kObjects,
          "whole objects, and the ground position by position; needs data with boxes (SemMAE, arXiv 2206.10207)",
          object_ranks},
  };
  return kFamilies;
}

}  // namespace palimpsest
