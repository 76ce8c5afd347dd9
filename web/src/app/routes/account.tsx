/** One's own account: plan and ledger, password, keys, export and deletion. */
import { SimpleGrid, Stack, Title } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { AccountCard } from "@/features/accounts/components/account-card";
import { PasswordCard } from "@/features/accounts/components/password-card";
import { SessionCard } from "@/features/accounts/components/session-card";
import { TokenCard } from "@/features/accounts/components/token-card";
import { accountQueries } from "@/features/accounts/queries";
import { LedgerCard } from "@/features/stamina/components/ledger-card";
import { PlanCard } from "@/features/stamina/components/plan-card";

import { LooksCard } from "../shell/looks-card";
import { useTitle } from "../shell/use-title";

export function AccountPage() {
  const { t } = useTranslation("app");
  useTitle(t("account.title"));
  const me = useSuspenseQuery(accountQueries.me()).data;
  return (
    <Stack data-measure="words">
      <Title order={1} size="h2">
        {t("account.title")}
      </Title>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <AccountCard />
        <PlanCard />
        <LooksCard />
        <TokenCard />
        {me.kind === "session" && <PasswordCard />}
        {me.kind === "session" && <SessionCard />}
      </SimpleGrid>
      <LedgerCard runHref={(id) => `/runs/${id}`} />
    </Stack>
  );
}
