import { describe, expect, it } from "vitest";

import { countLanes, jobsOf, type JobSeen, knownKind, lanesWithoutWorker, sortWorkers, type WorkerSeen } from "./queue";

const worker = (id: string, more: Partial<WorkerSeen> = {}): WorkerSeen => ({
  id,
  device: "cpu",
  device_name: "EPYC",
  memory_bytes: 2 ** 34,
  lanes: ["draw", "task"],
  started_at: "2026-11-25T00:00:00Z",
  beat_at: "2026-11-25T00:00:00Z",
  stopped_at: null,
  is_alive: true,
  ...more,
});

describe("the queue", () => {
  it("is counted by lane, with nothing where nothing is", () => {
    const lanes = countLanes({ counts: { train: { waiting: 3 }, draw: { running: 1 } }, jobs: [] }, [worker("a")]);
    expect(lanes).toEqual([
      { lane: "train", running: 0, waiting: 3, hasWorker: false },
      { lane: "draw", running: 1, waiting: 0, hasWorker: true },
      { lane: "task", running: 0, waiting: 0, hasWorker: true },
    ]);
    expect(lanesWithoutWorker(lanes)).toEqual(["train"]);
  });

  it("counts a dead worker for nobody", () => {
    const lanes = countLanes({ counts: { draw: { waiting: 1 } }, jobs: [] }, [worker("a", { is_alive: false })]);
    expect(lanesWithoutWorker(lanes)).toEqual(["draw"]);
  });

  it("shows who lives first, and then who was heard of last", () => {
    const sorted = sortWorkers([
      worker("dead", { is_alive: false, beat_at: "2026-11-25T09:00:00Z" }),
      worker("older", { is_alive: false, beat_at: "2026-11-24T09:00:00Z" }),
      worker("alive"),
    ]);
    expect(sorted.map((one) => one.id)).toEqual(["alive", "dead", "older"]);
  });

  it("says what each worker does", () => {
    const job = (id: string, state: JobSeen["state"], worker_id: string | null) =>
      ({ id, state, worker_id }) as JobSeen;
    const jobs = [job("1", "running", "a"), job("2", "waiting", null), job("3", "running", "b")];
    expect(jobsOf("a", jobs).map((one) => one.id)).toEqual(["1"]);
  });

  it("has words for known kinds only", () => {
    expect(knownKind("train_run")).toBe("train_run");
    expect(knownKind("knit")).toBeNull();
  });
});
