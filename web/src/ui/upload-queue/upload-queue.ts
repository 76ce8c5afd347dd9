/** Files on their way: three at a time, one that fails never blocks the rest, each may be tried again. A reducer. */

export type UploadState = "waiting" | "sending" | "done" | "refused" | "failed";

export interface Upload {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly sentBytes: number;
  readonly state: UploadState;
  /** Why it was refused or failed, in words, with the cure. */
  readonly reason: string;
}

export type UploadStep =
  | { readonly type: "added"; readonly uploads: readonly Pick<Upload, "id" | "name" | "sizeBytes">[] }
  | { readonly type: "began" | "done"; readonly id: string }
  | { readonly type: "sent"; readonly id: string; readonly sentBytes: number }
  | { readonly type: "refused" | "failed"; readonly id: string; readonly reason: string }
  | { readonly type: "again"; readonly id?: string }
  | { readonly type: "cleared" };

export const LANES = 3;

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
    case "done":
      return uploads.map((one) => (one.id === step.id ? { ...one, state: "done", sentBytes: one.sizeBytes } : one));
    case "refused":
    case "failed":
      return changed(uploads, step.id, { state: step.type, reason: step.reason });
    case "again":
      return uploads.map((one) =>
        one.state === "failed" && (step.id === undefined || step.id === one.id)
          ? { ...one, state: "waiting", reason: "" }
          : one,
      );
    case "cleared":
      return uploads.filter((one) => one.state === "waiting" || one.state === "sending");
  }
}

/** The uploads that may begin now. */
export function nextToSend(uploads: readonly Upload[]): readonly Upload[] {
  const free = LANES - uploads.filter((one) => one.state === "sending").length;
  return uploads.filter((one) => one.state === "waiting").slice(0, Math.max(0, free));
}

export interface UploadCounts {
  readonly total: number;
  readonly done: number;
  readonly refused: number;
  readonly failed: number;
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
    share: bytes === 0 ? 0 : sent / bytes,
  };
}

function changed(uploads: readonly Upload[], id: string, change: Partial<Upload>): readonly Upload[] {
  return uploads.map((one) => (one.id === id ? { ...one, ...change } : one));
}
