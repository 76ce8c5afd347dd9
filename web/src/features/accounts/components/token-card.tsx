/** Keys for scripts: made once, shown once, taken back at any time. */
import {
  ActionIcon,
  Alert,
  Button,
  Card,
  Code,
  CopyButton,
  Group,
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

import { accountQueries, useNewToken, useRevokeToken } from "../queries";

export function TokenCard() {
  const { t, i18n } = useTranslation("accounts");
  const tokens = useQuery(accountQueries.tokens());
  const make = useNewToken();
  const revoke = useRevokeToken();
  const [name, setName] = useState("");
  const handleSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    make.mutate(name, { onSuccess: () => setName(""), onError: noticeFailure });
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
          <Alert color="rokusho" title={t("tokens.made")}>
            <Code block>{make.data.secret}</Code>
            <CopyButton value={make.data.secret}>
              {({ copied, copy }) => (
                <Button mt="sm" size="xs" variant="default" onClick={copy}>
                  {t(copied ? "tokens.copied" : "tokens.copy")}
                </Button>
              )}
            </CopyButton>
          </Alert>
        )}
        <Table>
          <Table.Tbody>
            {(tokens.data ?? []).map((token) => (
              <Table.Tr key={token.id}>
                <Table.Td>{token.name}</Table.Td>
                <Table.Td>
                  {token.seen_at == null ? t("tokens.never") : formatDateTime(token.seen_at, i18n.language)}
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
            <Button type="submit" variant="default" loading={make.isPending}>
              {t("tokens.make")}
            </Button>
          </Group>
        </form>
      </Stack>
    </Card>
  );
}
