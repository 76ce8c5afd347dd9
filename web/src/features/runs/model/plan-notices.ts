/** How much of what the studio says of a planned run weighs. */
import type { PlannedRun } from "../queries";

export type Gravest = "blocked" | "memory" | "notes";

type Weighed = Pick<PlannedRun, "can_train" | "is_affordable" | "over_limits" | "notes" | "memory">;

/** The gravest: it cannot start, it would run out of memory, or there is something to read; undefined for nothing. */
export function gravestOf(plan: Weighed): Gravest | undefined {
  if (!plan.can_train || !plan.is_affordable || plan.over_limits.length > 0) return "blocked";
  if (plan.memory?.fits === false) return "memory";
  return plan.notes.length > 0 ? "notes" : undefined;
}
