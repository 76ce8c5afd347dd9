/** The person's own menu: account, administration for who may, and the way out. */
import { IconUser } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { accountQueries } from "@/features/accounts/queries";
import { whenIdle } from "@/lib/idle";

import { LateMenu } from "./late-menu";

const loadEntries = async () => (await import("./person-entries")).PersonEntries;
whenIdle(loadEntries);

export function PersonMenu() {
  const { t } = useTranslation("app");
  const me = useQuery(accountQueries.me()).data;
  if (me === undefined) return null;
  return <LateMenu label={t("nav.account")} icon={<IconUser size={20} stroke={1.5} />} load={loadEntries} />;
}
