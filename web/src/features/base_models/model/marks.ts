/** What is written on the badges of a base model: names of families and branches are proper names, in every language. */

const BRANCHES: Readonly<Record<string, string>> = {
  pony: "Pony",
  illustrious: "Illustrious",
  noobai: "NoobAI",
  schnell: "schnell",
};
/** What a family does unless it says otherwise; only what differs is worth a badge. */
const USUAL_PREDICTION: Readonly<Record<string, string>> = { sd15: "epsilon", sdxl: "epsilon", flux: "flow" };
const PREDICTIONS: Readonly<Record<string, string>> = { v_prediction: "v-pred", epsilon: "ε-pred", flow: "flow" };

export const FAMILIES = [
  { value: "sd15", title: "SD1.5" },
  { value: "sdxl", title: "SDXL" },
  { value: "flux", title: "Flux" },
] as const;

interface Marked {
  readonly family: string;
  readonly derivative: string;
  readonly prediction_type: string;
}

export function branchTitle(derivative: string): string {
  return BRANCHES[derivative] ?? derivative;
}

export function predictionTitle(prediction: string): string {
  return PREDICTIONS[prediction] ?? prediction;
}

/** Badges behind the family's: the branch, and a prediction type that is not the family's usual one. */
export function badgesOf(model: Marked): string[] {
  const usual = USUAL_PREDICTION[model.family];
  const unusual = model.prediction_type !== "" && usual !== undefined && model.prediction_type !== usual;
  return [
    ...(model.derivative === "" ? [] : [branchTitle(model.derivative)]),
    ...(unusual ? [predictionTitle(model.prediction_type)] : []),
  ];
}
