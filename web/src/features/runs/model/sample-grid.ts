/** Previews as a grid for the viewer: a row an epoch, a column a prompt and seed. Pure. */
import type { ViewerCell, ViewerGrid } from "@/ui/viewer/viewer-state";

export interface GridSample {
  readonly epoch: number;
  readonly step: number;
  readonly prompt_index: number;
  readonly prompt: string;
  readonly seed: number;
  readonly picture_url: string;
  readonly is_extra: boolean;
}

/** A file that the run has left; not at each of them were pictures drawn. */
export interface GridFile {
  readonly epoch: number;
  readonly step: number;
  readonly is_extra: boolean;
}

export interface SampleGrid {
  readonly steps: readonly { readonly epoch: number; readonly step: number; readonly isExtra: boolean }[];
  readonly columns: readonly { readonly promptIndex: number; readonly prompt: string; readonly seed: number }[];
  readonly cells: ViewerGrid;
}

/** Rows by step, of files and previews; columns by prompt and then seed. What was not drawn is a hole. */
export function sampleGrid(
  samples: readonly GridSample[],
  files: readonly GridFile[],
  captionOf: (sample: GridSample) => string,
): SampleGrid {
  // An epoch's own file tells what its step is called: pictures may have been asked for at the same step.
  const steps = [
    ...new Map(
      [...samples, ...files].map((one) => [one.step, { epoch: one.epoch, step: one.step, isExtra: one.is_extra }]),
    ).values(),
  ];
  steps.sort((a, b) => a.step - b.step);
  const columns = [
    ...new Map(
      samples.map((one) => [
        `${one.prompt_index}/${one.seed}`,
        { promptIndex: one.prompt_index, prompt: one.prompt, seed: one.seed },
      ]),
    ).values(),
  ];
  columns.sort((a, b) => a.promptIndex - b.promptIndex || a.seed - b.seed);
  const cells = steps.map(({ step }) =>
    columns.map((column): ViewerCell | undefined => {
      const found = samples.find(
        (one) => one.step === step && one.prompt_index === column.promptIndex && one.seed === column.seed,
      );
      return found === undefined ? undefined : { src: found.picture_url, alt: found.prompt, caption: captionOf(found) };
    }),
  );
  return { steps, columns, cells };
}
