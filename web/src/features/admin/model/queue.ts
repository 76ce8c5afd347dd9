/** What waits and runs, counted by lane; and which kinds of jobs have words. */
import type { components } from "@/api/schema";

export type QueueSeen = components["schemas"]["QueueSeen"];
export type JobSeen = components["schemas"]["JobSeen"];
export type WorkerSeen = components["schemas"]["WorkerSeen"];

export const LANES = ["train", "draw", "task"] as const;
export type Lane = (typeof LANES)[number];

export const JOB_KINDS = [
  "train_run",
  "draw",
  "crop_and_tag",
  "import_pictures",
  "check_tagger",
  "import_base_model",
  "download_base_model",
  "hash_base_model",
  "lora_tool",
] as const;
export type JobKind = (typeof JOB_KINDS)[number];

export interface LaneCount {
  readonly lane: Lane;
  readonly running: number;
  readonly waiting: number;
  readonly hasWorker: boolean;
}

/** Each lane with how many run and wait, and whether anybody alive takes from it. */
export function countLanes(queue: QueueSeen, workers: readonly WorkerSeen[]): LaneCount[] {
  return LANES.map((lane) => ({
    lane,
    running: queue.counts[lane]?.running ?? 0,
    waiting: queue.counts[lane]?.waiting ?? 0,
    hasWorker: workers.some((one) => one.is_alive && one.lanes.includes(lane)),
  }));
}

/** Lanes in which something waits for nobody. */
export function lanesWithoutWorker(lanes: readonly LaneCount[]): Lane[] {
  return lanes.filter((one) => one.waiting > 0 && !one.hasWorker).map((one) => one.lane);
}

export function knownKind(kind: string): JobKind | null {
  return JOB_KINDS.find((one) => one === kind) ?? null;
}

/** Live ones first, then those that were heard of last. */
export function sortWorkers(workers: readonly WorkerSeen[]): WorkerSeen[] {
  return workers.toSorted(
    (one, other) => Number(other.is_alive) - Number(one.is_alive) || other.beat_at.localeCompare(one.beat_at),
  );
}

/** What a worker does just now. */
export function jobsOf(workerId: string, jobs: readonly JobSeen[]): JobSeen[] {
  return jobs.filter((one) => one.state === "running" && one.worker_id === workerId);
}
