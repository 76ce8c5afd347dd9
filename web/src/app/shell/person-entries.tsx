/** What stands in the person's own menu. */
import { Menu } from "@mantine/core";
import { IconLogout, IconSettings, IconUsersGroup } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { accountQueries, useSignOut } from "@/features/accounts/queries";
import { noticeFailure } from "@/ui/feedback/notices";

export function PersonEntries() {
  const { t } = useTranslation("app");
  const me = useQuery(accountQueries.me()).data;
  const signOut = useSignOut();
  if (me === undefined) return null;
  return (
    <>
      <Menu.Label>{me.account.name}</Menu.Label>
      <Menu.Item component={Link} to="/account" leftSection={<IconSettings size={16} stroke={1.5} aria-hidden />}>
        {t("account.title")}
      </Menu.Item>
      {me.account.is_admin && (
        <Menu.Item component={Link} to="/admin" leftSection={<IconUsersGroup size={16} stroke={1.5} aria-hidden />}>
          {t("admin.title")}
        </Menu.Item>
      )}
      {me.kind === "session" && (
        <Menu.Item
          leftSection={<IconLogout size={16} stroke={1.5} aria-hidden />}
          onClick={() => signOut.mutate(undefined, { onError: noticeFailure })}
        >
          {t("nav.signOut")}
        </Menu.Item>
      )}
    </>
  );
}
