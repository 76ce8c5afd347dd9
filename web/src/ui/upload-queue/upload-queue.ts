/** Files on their way: three at a time, one that fails never blocks the rest, each may wait or be tried again. A reducer. */

export type UploadState = "waiting" | "sending" | "paused" | "cut" | "done" | "refused" | "failed";

export interface Upload {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly sentBytes: number;
  readonly state: UploadState;
  /** Why it was refused or failed, in words, with the cure; of one that is done, what there is to know. */
  readonly reason: string;
}

export type UploadStep =
  | { readonly type: "added"; readonly uploads: readonly Pick<Upload, "id" | "name" | "sizeBytes">[] }
  | { readonly type: "began" | "cut" | "dropped"; readonly id: string }
  | { readonly type: "sent"; readonly id: string; readonly sentBytes: number }
  | { readonly type: "done"; readonly id: string; readonly note?: string }
  | { readonly type: "refused" | "failed"; readonly id: string; readonly reason: string }
  | { readonly type: "again" | "paused" | "resumed"; readonly id?: string }
  | { readonly type: "reconnected" }
  | { readonly type: "cleared" };

export const LANES = 3;

/** What a press may be about: all uploads when none is named. */
const MAY: Readonly<
  Record<"again" | "paused" | "resumed", { readonly from: readonly UploadState[]; readonly to: UploadState }>
> = {
  again: { from: ["failed", "cut"], to: "waiting" },
  paused: { from: ["waiting", "sending", "cut"], to: "paused" },
  resumed: { from: ["paused"], to: "waiting" },
};

export function stepUploads(uploads: readonly Upload[], step: UploadStep): readonly Upload[] {
  switch (step.type) {
    case "added":
      return [
        ...uploads,
        ...step.uploads.map((one) => ({ ...one, sentBytes: 0, state: "waiting" as const, reason: "" })),
      ];
    case "began":
      return changed(uploads, step.id, { state: "sending", reason: "" });
    case "sent":
      return changed(uploads, step.id, { sentBytes: step.sentBytes });
    case "cut":
      return changed(uploads, step.id, { state: "cut" });
    case "done":
      return uploads.map((one) =>
        one.id === step.id ? { ...one, state: "done", sentBytes: one.sizeBytes, reason: step.note ?? "" } : one,
      );
    case "refused":
    case "failed":
      return changed(uploads, step.id, { state: step.type, reason: step.reason });
    case "again":
    case "paused":
    case "resumed": {
      const { from, to } = MAY[step.type];
      return uploads.map((one) =>
        from.includes(one.state) && (step.id === undefined || step.id === one.id)
          ? { ...one, state: to, reason: "" }
          : one,
      );
    }
    case "reconnected":
      return uploads.map((one) => (one.state === "cut" ? { ...one, state: "waiting" } : one));
    case "dropped":
      return uploads.filter((one) => one.id !== step.id);
    case "cleared":
      return uploads.filter((one) => !isSettled(one));
  }
}

/** The uploads that may begin now. */
export function nextToSend(uploads: readonly Upload[]): readonly Upload[] {
  const free = LANES - uploads.filter((one) => one.state === "sending").length;
  return uploads.filter((one) => one.state === "waiting").slice(0, Math.max(0, free));
}

/** Nothing more happens to it by itself. */
export function isSettled(upload: Upload): boolean {
  return upload.state === "done" || upload.state === "refused" || upload.state === "failed";
}

export interface UploadCounts {
  readonly total: number;
  readonly done: number;
  readonly refused: number;
  readonly failed: number;
  readonly cut: number;
  readonly paused: number;
  readonly share: number;
}

export function countUploads(uploads: readonly Upload[]): UploadCounts {
  const count = (state: UploadState) => uploads.filter((one) => one.state === state).length;
  const bytes = uploads.reduce((sum, one) => sum + one.sizeBytes, 0);
  const settled = (one: Upload) => (one.state === "refused" || one.state === "done" ? one.sizeBytes : one.sentBytes);
  const sent = uploads.reduce((sum, one) => sum + settled(one), 0);
  return {
    total: uploads.length,
    done: count("done"),
    refused: count("refused"),
    failed: count("failed"),
    cut: count("cut"),
    paused: count("paused"),
    share: bytes === 0 ? 0 : sent / bytes,
  };
}

function changed(uploads: readonly Upload[], id: string, change: Partial<Upload>): readonly Upload[] {
  return uploads.map((one) => (one.id === id ? { ...one, ...change } : one));
}
