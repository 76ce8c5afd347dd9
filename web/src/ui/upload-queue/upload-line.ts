/**
 * A queue of uploads outside of any page, so that going to another page stops none of them. When the line is cut it waits
 * and goes on by itself; a reload or a closed window asks first.
 */
import { problemOf } from "@/api/problem";

import { isSettled, nextToSend, stepUploads, type Upload, type UploadStep } from "./upload-queue";

/** What goes together: a picture with its captions, or one large file. */
export interface Parcel {
  readonly name: string;
  readonly sizeBytes: number;
  readonly files: readonly { readonly file: File; readonly path: string }[];
}

export interface Sent {
  /** Why the studio did not take it. */
  readonly refused?: string;
  /** It was taken, and there is something to know. */
  readonly note?: string;
}

/** Sends one; rejects with a `Problem` that is offline when the line was cut. Sending it again must not double it. */
export type SendParcel = (
  parcel: Parcel,
  sending: { readonly onSent: (bytes: number) => void; readonly signal: AbortSignal },
) => Promise<Sent | undefined>;

const FIRST_WAIT_MS = 1500;
const LONGEST_WAIT_MS = 30_000;

export class UploadLine {
  #uploads: readonly Upload[] = [];
  readonly #parcels = new Map<string, Parcel>();
  readonly #sending = new Map<string, AbortController>();
  readonly #listeners = new Set<() => void>();
  readonly #send: SendParcel;
  #waitMs = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: SendParcel) {
    this.#send = send;
    window.addEventListener("online", () => this.#reconnect());
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly snapshot = (): readonly Upload[] => this.#uploads;

  add(parcels: readonly Parcel[]): void {
    const named = parcels.map((parcel) => ({ ...parcel, id: crypto.randomUUID() }));
    for (const one of named) this.#parcels.set(one.id, one);
    this.#step({ type: "added", uploads: named.map(({ id, name, sizeBytes }) => ({ id, name, sizeBytes })) });
  }
  /** All, or one; what was sent of a large file stays. */
  pause(id?: string): void {
    this.#step(id === undefined ? { type: "paused" } : { type: "paused", id });
    for (const one of this.#uploads) if (one.state === "paused") this.#sending.get(one.id)?.abort();
  }
  resume(id?: string): void {
    this.#step(id === undefined ? { type: "resumed" } : { type: "resumed", id });
  }
  again(id?: string): void {
    this.#step(id === undefined ? { type: "again" } : { type: "again", id });
  }
  /** Not to be sent after all. */
  drop(id: string): void {
    this.#step({ type: "dropped", id });
    this.#sending.get(id)?.abort();
    this.#parcels.delete(id);
  }
  clear(): void {
    for (const one of this.#uploads) if (isSettled(one)) this.#parcels.delete(one.id);
    this.#step({ type: "cleared" });
  }
  get isBusy(): boolean {
    return this.#uploads.some((one) => !isSettled(one));
  }

  #step(step: UploadStep): void {
    this.#uploads = stepUploads(this.#uploads, step);
    for (const listener of this.#listeners) listener();
    for (const next of nextToSend(this.#uploads)) this.#begin(next.id);
  }

  #begin(id: string): void {
    const parcel = this.#parcels.get(id);
    // One that was paused and goes on at once is begun when its old request has gone.
    if (parcel === undefined || this.#sending.has(id)) return;
    const controller = new AbortController();
    this.#sending.set(id, controller);
    this.#step({ type: "began", id });
    this.#send(parcel, {
      onSent: (sentBytes) => this.#step({ type: "sent", id, sentBytes }),
      signal: controller.signal,
    })
      .then(
        (sent): UploadStep => {
          this.#waitMs = FIRST_WAIT_MS;
          if (sent?.refused !== undefined) return { type: "refused", id, reason: sent.refused };
          return sent?.note === undefined ? { type: "done", id } : { type: "done", id, note: sent.note };
        },
        (error: unknown): UploadStep | null => {
          if (controller.signal.aborted) return null;
          const problem = problemOf(error);
          if (problem.isOffline) return { type: "cut", id };
          const isRefusal = problem.status >= 400 && problem.status < 500;
          const reason = `${problem.message} ${problem.cure}`.trim();
          return { type: isRefusal ? "refused" : "failed", id, reason };
        },
      )
      .then((step) => {
        this.#sending.delete(id);
        if (step?.type === "done") this.#parcels.delete(id);
        if (step?.type === "cut") this.#reconnectLater();
        this.#step(step ?? { type: "sent", id, sentBytes: this.#uploads.find((one) => one.id === id)?.sentBytes ?? 0 });
      });
  }

  #reconnectLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#reconnect(), this.#waitMs);
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
  }
  #reconnect(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#step({ type: "reconnected" });
  }
}

const lines = new Map<string, UploadLine>();

/** The queue of one place; `send` counts the first time. */
export function uploadLine(place: string, send: SendParcel): UploadLine {
  let line = lines.get(place);
  if (line === undefined) {
    line = new UploadLine(send);
    lines.set(place, line);
  }
  return line;
}

window.addEventListener("beforeunload", (event) => {
  if ([...lines.values()].some((line) => line.isBusy)) event.preventDefault();
});
