/** Asks before a page with unsaved work is left: within the app in its own words, else by the browser's question. */
import { useBlocker } from "@tanstack/react-router";

import { useSteady } from "@/lib/use-steady";

import { lazily } from "../lazily";

/** The question, for a dialog that closes itself. */
export const LeaveDialog = lazily(async () => (await import("./leave-dialog")).LeaveDialog);

export interface LeaveGuardProps {
  /** Something would be lost if the tab were closed now. */
  readonly isUnsaved: boolean;
  /** Tries to save before another page is shown; true where there is still something to ask for. */
  readonly saveFirst?: () => Promise<boolean>;
}

export function LeaveGuard({ isUnsaved, saveFirst }: LeaveGuardProps) {
  const shouldBlockFn = useSteady(async () => (isUnsaved && saveFirst !== undefined ? await saveFirst() : isUnsaved));
  const enableBeforeUnload = useSteady(() => isUnsaved);
  const leaving = useBlocker({ shouldBlockFn, enableBeforeUnload, withResolver: true, disabled: !isUnsaved });
  if (leaving.status !== "blocked") return null;
  return <LeaveDialog of="page" onStay={leaving.reset} onLeave={leaving.proceed} />;
}
