/** Keys for scripts: made once, shown once, taken back at any time. */
import {
  ActionIcon,
  Alert,
  Button,
  Card,
  Code,
  CopyButton,
  Group,
  Select,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { formatDateTime } from "@/lib/format";
import { noticeFailure } from "@/ui/feedback/notices";

import { expiryAfter, TERMS } from "../model/token-terms";
import { accountQueries, useNewToken, useRevokeToken } from "../queries";

export function TokenCard() {
  const { t, i18n } = useTranslation("accounts");
  const tokens = useQuery(accountQueries.tokens());
  const make = useNewToken();
  const revoke = useRevokeToken();
  const [name, setName] = useState("");
  const [days, setDays] = useState("0");
  const handleSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    make.mutate(
      { name, expires_at: expiryAfter(Number(days), new Date()) },
      { onSuccess: () => setName(""), onError: noticeFailure },
    );
  };
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("tokens.title")}
        </Title>
        <Text size="sm" c="dimmed">
          {t("tokens.text")}
        </Text>
        {make.data !== undefined && (
          <Alert color="rokusho">
            <Text size="sm" fw={600} mb="xs">
              {t("tokens.made")}
            </Text>
            <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
              {make.data.secret}
            </Code>
            <CopyButton value={make.data.secret}>
              {({ copied, copy }) => (
                <Button mt="sm" size="xs" variant="default" onClick={copy}>
                  {t(copied ? "tokens.copied" : "tokens.copy")}
                </Button>
              )}
            </CopyButton>
          </Alert>
        )}
        <Table aria-label={t("tokens.title")}>
          <Table.Tbody>
            {(tokens.data ?? []).map((token) => (
              <Table.Tr key={token.id}>
                <Table.Td>{token.name}</Table.Td>
                <Table.Td>
                  <Text size="sm">
                    {token.seen_at == null
                      ? t("tokens.never")
                      : t("tokens.seen", { time: formatDateTime(token.seen_at, i18n.language) })}
                  </Text>
                  <Text size="xs" c="dimmed">
                    {token.expires_at == null
                      ? t("tokens.endless")
                      : t("tokens.until", { time: formatDateTime(token.expires_at, i18n.language) })}
                  </Text>
                </Table.Td>
                <Table.Td ta="end">
                  <ActionIcon
                    color="shu"
                    aria-label={t("tokens.revoke", { name: token.name })}
                    onClick={() => revoke.mutate(token.id, { onError: noticeFailure })}
                  >
                    <IconTrash size={18} stroke={1.5} />
                  </ActionIcon>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <form onSubmit={handleSubmit}>
          <Group align="end">
            <TextInput
              label={t("tokens.name")}
              required
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Select
              label={t("tokens.expiry")}
              w={140}
              data={TERMS.map((term) => ({
                value: String(term),
                label: term === 0 ? t("tokens.endless") : t("tokens.days", { count: term }),
              }))}
              value={days}
              onChange={(value) => setDays(value ?? "0")}
            />
            <Button type="submit" variant="default" loading={make.isPending}>
              {t("tokens.make")}
            </Button>
          </Group>
        </form>
      </Stack>
    </Card>
  );
}
