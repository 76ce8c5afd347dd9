/** Every charge and refund with its run, newest first (A6). */
import { Anchor, Button, Card, Stack, Table, Text, Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { formatDateTime, formatNumber } from "@/lib/format";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { staminaQueries } from "../queries";

export interface LedgerCardProps {
  /** A link to a run; the route knows where it leads. */
  readonly runHref: (runId: string) => string;
}

const KIND_TEXTS: Record<string, string> = {
  granted: "stamina:kind.granted",
  trial: "stamina:kind.trial",
  reserved: "stamina:kind.reserved",
  settled: "stamina:kind.settled",
  refunded: "stamina:kind.refunded",
};

export function LedgerCard({ runHref }: LedgerCardProps) {
  const { t, i18n } = useTranslation("stamina");
  const ui = useTranslation("ui").t;
  const ledger = useInfiniteQuery(staminaQueries.ledger());
  const entries = ledger.data?.pages.flat() ?? [];
  const signed = (value: number) => new Intl.NumberFormat(i18n.language, { signDisplay: "exceptZero" }).format(value);
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("ledger.title")}
        </Title>
        {ledger.isError && <ProblemNotice error={ledger.error} onRetry={() => void ledger.refetch()} />}
        {ledger.isSuccess && entries.length === 0 && <Text c="dimmed">{t("ledger.empty")}</Text>}
        {entries.length > 0 && (
          <Table style={{ fontVariantNumeric: "tabular-nums" }}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th visibleFrom="sm">{t("ledger.when")}</Table.Th>
                <Table.Th>{t("ledger.what")}</Table.Th>
                <Table.Th ta="end">{t("ledger.amount")}</Table.Th>
                <Table.Th ta="end">{t("ledger.after")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {entries.map((entry) => (
                <Table.Tr key={entry.number}>
                  <Table.Td visibleFrom="sm">{formatDateTime(entry.at, i18n.language)}</Table.Td>
                  <Table.Td>
                    {entry.run_id == null ? (
                      t(KIND_TEXTS[entry.kind] ?? "kind.other")
                    ) : (
                      <Anchor href={runHref(entry.run_id)}>{t(KIND_TEXTS[entry.kind] ?? "kind.other")}</Anchor>
                    )}
                    <Text size="xs" c="dimmed" hiddenFrom="sm">
                      {formatDateTime(entry.at, i18n.language)}
                    </Text>
                  </Table.Td>
                  <Table.Td ta="end">{signed(entry.amount)}</Table.Td>
                  <Table.Td ta="end">{formatNumber(entry.balance_after, i18n.language)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
        {ledger.hasNextPage && (
          <Button variant="subtle" loading={ledger.isFetchingNextPage} onClick={() => void ledger.fetchNextPage()}>
            {ui("more")}
          </Button>
        )}
      </Stack>
    </Card>
  );
}
