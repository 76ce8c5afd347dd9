/** A page that could not be shown: what went wrong, and the way on. */
import { useQueryErrorResetBoundary } from "@tanstack/react-query";
import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";

import { ProblemNotice } from "@/ui/feedback/problem-notice";

export function FailedPage({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const queries = useQueryErrorResetBoundary();
  const handleRetry = () => {
    queries.reset();
    reset();
    void router.invalidate();
  };
  return <ProblemNotice error={error} onRetry={handleRetry} />;
}
