/** Names of lanes and kinds of jobs. */
import { useTranslation } from "react-i18next";

import { type JobKind, knownKind, type Lane, LANES } from "../model/queue";

const LANE_TEXTS = {
  train: "admin:lane.train",
  draw: "admin:lane.draw",
  task: "admin:lane.task",
} as const satisfies Record<Lane, string>;
const KIND_TEXTS = {
  train_run: "admin:kind.train_run",
  draw: "admin:kind.draw",
  crop_and_tag: "admin:kind.crop_and_tag",
  import_pictures: "admin:kind.import_pictures",
  check_tagger: "admin:kind.check_tagger",
  import_base_model: "admin:kind.import_base_model",
  download_base_model: "admin:kind.download_base_model",
  hash_base_model: "admin:kind.hash_base_model",
  lora_tool: "admin:kind.lora_tool",
} as const satisfies Record<JobKind, string>;

export function useJobWords() {
  const { t } = useTranslation("admin");
  return {
    lane: (lane: string): string => {
      const known = LANES.find((one) => one === lane);
      return known === undefined ? lane : t(LANE_TEXTS[known]);
    },
    kind: (kind: string): string => {
      const known = knownKind(kind);
      return known === null ? kind : t(KIND_TEXTS[known]);
    },
  };
}
