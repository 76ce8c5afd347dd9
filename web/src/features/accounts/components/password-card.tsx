/** A new password for oneself. */
import { Button, Card, PasswordInput, Stack, Title } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { noticeDone } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { accountQueries, useNewPassword } from "../queries";

export function PasswordCard() {
  const { t } = useTranslation("accounts");
  const me = useSuspenseQuery(accountQueries.me()).data;
  const change = useNewPassword();
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const handleSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    change.mutate({ old, new: fresh }, { onSuccess: () => noticeDone(t("password.changed")) });
  };
  return (
    <Card component="form" onSubmit={handleSubmit}>
      <Stack>
        <Title order={2} size="h4">
          {t("password.title")}
        </Title>
        {change.isError && <ProblemNotice error={change.error} />}
        {me.account.has_password && (
          <PasswordInput
            visibilityToggleButtonProps={{ "aria-label": t("password.show") }}
            label={t("password.old")}
            autoComplete="current-password"
            required
            value={old}
            onChange={(event) => setOld(event.currentTarget.value)}
          />
        )}
        <PasswordInput
          visibilityToggleButtonProps={{ "aria-label": t("password.show") }}
          label={t("password.new")}
          autoComplete="new-password"
          required
          value={fresh}
          onChange={(event) => setFresh(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" loading={change.isPending}>
          {t("password.change")}
        </Button>
      </Stack>
    </Card>
  );
}
