/** Who one is, signing out, taking everything along, and the end of the account. */
import { Anchor, Button, Card, Group, Modal, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { noticeFailure } from "@/ui/feedback/notices";

import { accountQueries, useAddIdentity, useDeleteAccount, useSignOut } from "../queries";

export function AccountCard() {
  const { t } = useTranslation("accounts");
  const ui = useTranslation("ui").t;
  const me = useSuspenseQuery(accountQueries.me()).data;
  const openid = useQuery(accountQueries.studio()).data?.openid_title ?? null;
  const signOut = useSignOut();
  const addIdentity = useAddIdentity();
  const end = useDeleteAccount();
  const [isAsking, asking] = useDisclosure();
  const [typed, setTyped] = useState("");
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {me.account.name}
        </Title>
        <Text size="sm" c="dimmed">
          {t(me.kind === "loopback" ? "account.loopback" : me.account.is_admin ? "account.admin" : "account.person")}
        </Text>
        <Group>
          {me.kind === "session" && (
            <Button
              variant="default"
              loading={signOut.isPending}
              onClick={() => signOut.mutate(undefined, { onError: noticeFailure })}
            >
              {t("account.signOut")}
            </Button>
          )}
          {me.kind === "session" && openid !== null && (
            <Button
              variant="default"
              loading={addIdentity.isPending}
              onClick={() => addIdentity.mutate(undefined, { onError: noticeFailure })}
            >
              {t("account.addIdentity", { provider: openid })}
            </Button>
          )}
          <Button component="a" variant="default" href="/api/me/export.zip" download>
            {t("account.export")}
          </Button>
          <Button variant="subtle" color="shu" onClick={asking.open}>
            {t("account.delete")}
          </Button>
        </Group>
        <Text size="sm" c="dimmed">
          {t("account.private")}{" "}
          <Anchor underline="always" href="/openapi.json">
            {t("account.api")}
          </Anchor>
        </Text>
      </Stack>
      <Modal
        opened={isAsking}
        onClose={asking.close}
        title={t("account.delete")}
        closeButtonProps={{ "aria-label": ui("close") }}
      >
        <Stack>
          <Text>{t("account.deleteText")}</Text>
          <TextInput
            label={t("account.typeName", { name: me.account.name })}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <Button
            color="shu"
            disabled={typed !== me.account.name}
            loading={end.isPending}
            onClick={() => end.mutate(undefined, { onError: noticeFailure, onSuccess: asking.close })}
          >
            {t("account.deleteForEver")}
          </Button>
        </Stack>
      </Modal>
    </Card>
  );
}
