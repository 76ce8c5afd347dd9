/** A page that could not be shown: what went wrong, and the way on. */
import { Stack, Title } from "@mantine/core";
import { useQueryErrorResetBoundary } from "@tanstack/react-query";
import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { useTitle } from "../shell/use-title";

export function FailedPage({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation("app");
  useTitle(t("failed.title"));
  const router = useRouter();
  const queries = useQueryErrorResetBoundary();
  const handleRetry = () => {
    queries.reset();
    reset();
    void router.invalidate();
  };
  return (
    <Stack>
      <Title order={1} size="h2">
        {t("failed.title")}
      </Title>
      <ProblemNotice error={error} onRetry={handleRetry} />
    </Stack>
  );
}
