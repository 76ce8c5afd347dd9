/** For administrators: people, what waits, who does it, and the plans. Others do not find this page. */
import { SimpleGrid, Stack, Title } from "@mantine/core";
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { accountQueries } from "@/features/accounts/queries";
import { OpenToOthers } from "@/features/admin/components/open-to-others";
import { PeopleCard } from "@/features/admin/components/people-card";
import { PlansCard } from "@/features/admin/components/plans-card";
import { QueueCard } from "@/features/admin/components/queue-card";
import { WorkersCard } from "@/features/admin/components/workers-card";

import { useTitle } from "../shell/use-title";
import { NotFoundPage } from "./not-found";

export function AdminPage() {
  const { t } = useTranslation("app");
  const me = useSuspenseQuery(accountQueries.me()).data;
  const signIn = useQuery(accountQueries.studio()).data?.sign_in;
  useTitle(me.account.is_admin ? t("admin.title") : t("notFound.title"));
  if (!me.account.is_admin) return <NotFoundPage />;
  return (
    <Stack data-measure="words">
      <Title order={1} size="h2">
        {t("admin.title")}
      </Title>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Stack>
          {signIn === "password" && <PeopleCard />}
          {signIn === "loopback" && <OpenToOthers />}
        </Stack>
        <Stack>
          <QueueCard />
          <WorkersCard />
        </Stack>
      </SimpleGrid>
      <PlansCard />
    </Stack>
  );
}
