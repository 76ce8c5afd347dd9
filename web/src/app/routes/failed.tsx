/** A page that could not be shown: what went wrong, and the way on, which it goes by itself when the studio is back. */
import { Stack, Title } from "@mantine/core";
import { useQueryErrorResetBoundary } from "@tanstack/react-query";
import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { Problem } from "@/api/problem";
import { useSteady } from "@/lib/use-steady";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { useTitle } from "../shell/use-title";
import { NothingThere } from "./nothing-there";

const LOOK_AGAIN_MS = 2000;

export function FailedPage({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation("app");
  const isGone = error instanceof Problem && error.status === 404;
  useTitle(t(isGone ? "gone.title" : "failed.title"));
  const router = useRouter();
  const queries = useQueryErrorResetBoundary();
  const handleRetry = useSteady(() => {
    queries.reset();
    reset();
    void router.invalidate();
  });
  const isAway = error instanceof Problem && error.isOffline;
  useEffect(() => {
    if (!isAway) return;
    const timer = setInterval(() => {
      fetch("/health").then(
        (answer) => {
          if (answer.ok) handleRetry();
        },
        () => undefined, // still away
      );
    }, LOOK_AGAIN_MS);
    return () => {
      clearInterval(timer);
    };
  }, [isAway, handleRetry]);
  if (isGone) return <NothingThere title={t("gone.title")} text={`${error.message} ${error.cure}`} />;
  return (
    <Stack data-measure="words">
      <Title order={1} size="h2">
        {t("failed.title")}
      </Title>
      <ProblemNotice error={error} onRetry={handleRetry} />
    </Stack>
  );
}
