/** Who has an account here: plan, rights, new passwords, and the end of an account. */
import {
  ActionIcon,
  Badge,
  Button,
  Card,
  Group,
  Menu,
  Select,
  Skeleton,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconDotsVertical, IconPlus, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { accountQueries } from "@/features/accounts/public";
import { staminaQueries } from "@/features/stamina/public";
import { formatDateTime } from "@/lib/format";
import { noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { adminQueries, useChangePerson } from "../queries";
import { NewPerson } from "./new-person";
import { type PersonAct, PersonDialog } from "./person-dialog";
import classes from "./admin.module.css";

interface Person {
  readonly id: string;
  readonly name: string;
}

export function PeopleCard() {
  const { t, i18n } = useTranslation("admin");
  const me = useSuspenseQuery(accountQueries.me()).data.account;
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search, 250);
  const people = useInfiniteQuery(adminQueries.people(asked));
  const plans = (useQuery(staminaQueries.plans()).data ?? []).map((one) => one.name);
  const change = useChangePerson();
  const [isCreating, setIsCreating] = useState(false);
  const [dialog, setDialog] = useState<{ readonly act: PersonAct; readonly person: Person } | null>(null);
  const list = people.data?.pages.flat() ?? [];
  return (
    <Card>
      <Stack>
        <Group justify="space-between">
          <Title order={2} size="h4">
            {t("people.title")}
          </Title>
          <Button leftSection={<IconPlus size={16} stroke={1.5} aria-hidden />} onClick={() => setIsCreating(true)}>
            {t("people.create")}
          </Button>
        </Group>
        <TextInput
          aria-label={t("people.search")}
          placeholder={t("people.search")}
          leftSection={<IconSearch size={16} stroke={1.5} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        {people.isError && <ProblemNotice error={people.error} onRetry={() => void people.refetch()} />}
        {people.isPending && <Skeleton h={60} />}
        {people.isSuccess && list.length === 0 && <Text c="dimmed">{t("people.none")}</Text>}
        <ul className={classes.list} aria-label={t("people.title")}>
          {list.map((one) => (
            <li key={one.id} className={classes.row}>
              <div className={classes.main}>
                <Group gap="xs">
                  <Text fw={600} className={classes.name}>
                    {one.name}
                  </Text>
                  {one.is_admin && <Badge variant="light">{t("people.admin")}</Badge>}
                  {one.id === me.id && (
                    <Badge variant="light" color="gray">
                      {t("people.you")}
                    </Badge>
                  )}
                  {!one.has_password && (
                    <Badge variant="light" color="fuji">
                      {t("people.openid")}
                    </Badge>
                  )}
                </Group>
                <Text size="xs" c="dimmed">
                  {t("people.since", { time: formatDateTime(one.created_at, i18n.language) })}
                </Text>
              </div>
              {plans.length > 0 && (
                <Select
                  aria-label={t("people.planOf", { name: one.name })}
                  w={130}
                  data={plans.includes(one.plan_name) ? plans : [one.plan_name, ...plans]}
                  value={one.plan_name}
                  onChange={(plan) => {
                    if (plan !== null && plan !== one.plan_name)
                      change.mutate({ id: one.id, plan_name: plan }, { onError: noticeFailure });
                  }}
                />
              )}
              <Menu position="bottom-end">
                <Menu.Target>
                  <ActionIcon size={36} aria-label={t("people.more", { name: one.name })}>
                    <IconDotsVertical size={18} stroke={1.5} />
                  </ActionIcon>
                </Menu.Target>
                <Menu.Dropdown>
                  <Menu.Item
                    onClick={() => change.mutate({ id: one.id, is_admin: !one.is_admin }, { onError: noticeFailure })}
                  >
                    {t(one.is_admin ? "people.noAdmin" : "people.makeAdmin")}
                  </Menu.Item>
                  <Menu.Item onClick={() => setDialog({ act: "password", person: one })}>
                    {t("people.resetPassword")}
                  </Menu.Item>
                  <Menu.Item onClick={() => setDialog({ act: "signOut", person: one })}>
                    {t("people.signOut")}
                  </Menu.Item>
                  <Menu.Divider />
                  <Menu.Item color="shu" onClick={() => setDialog({ act: "delete", person: one })}>
                    {t("people.delete")}
                  </Menu.Item>
                </Menu.Dropdown>
              </Menu>
            </li>
          ))}
        </ul>
        {people.hasNextPage && (
          <Button variant="default" loading={people.isFetchingNextPage} onClick={() => void people.fetchNextPage()}>
            {t("people.next")}
          </Button>
        )}
      </Stack>
      {isCreating && <NewPerson plans={plans} onClose={() => setIsCreating(false)} />}
      {dialog !== null && <PersonDialog {...dialog} onClose={() => setDialog(null)} />}
    </Card>
  );
}
