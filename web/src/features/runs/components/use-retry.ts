/** A run that ended is tried again. */
import { useNavigate } from "@tanstack/react-router";

import { noticeFailure } from "@/ui/feedback/notices";

import { type Run, useRetryRun } from "../queries";

/** Trains on from where it ended, or with changes as another run, whose page is opened then. */
export function useRetry(run: Run): [(changes: Record<string, unknown>) => void, boolean] {
  const mutation = useRetryRun(run.id);
  const navigate = useNavigate();
  const retry = (changes: Record<string, unknown>) =>
    mutation.mutate(changes, {
      onSuccess: (started) => {
        if (started.id !== run.id) void navigate({ to: `/runs/${started.id}` as never });
      },
      onError: noticeFailure,
    });
  return [retry, mutation.isPending];
}
