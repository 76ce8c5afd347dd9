/** What is pointed out about the pictures, in plain words with what to do; one press selects them (D4). */
import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconEye } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { datasetQueries } from "../queries";

const KINDS: Readonly<Record<string, string>> = {
  too_small: "datasets:finding.too_small",
  blurred: "datasets:finding.blurred",
  dark: "datasets:finding.dark",
  washed_out: "datasets:finding.washed_out",
  blank: "datasets:finding.blank",
};

export interface FindingsProps {
  readonly datasetId: string;
  readonly onSelect: (ids: readonly string[]) => void;
}

export function Findings({ datasetId, onSelect }: FindingsProps) {
  const { t } = useTranslation("datasets");
  const found = useQuery(datasetQueries.findings(datasetId)).data;
  // The best one of each group stays; the others are what may go.
  const doubles = (found?.duplicates ?? []).flatMap((group) => group.others.map((one) => one.picture_id));
  const rows = [
    ...(doubles.length === 0 ? [] : [{ key: "duplicates", words: "datasets:finding.duplicates", ids: doubles }]),
    ...(found?.problems ?? []).map((one) => ({
      key: one.kind,
      words: KINDS[one.kind] ?? one.words,
      ids: one.picture_ids,
    })),
  ];
  if (rows.length === 0) return null;
  return (
    <Alert color="odo" variant="light" icon={<IconEye stroke={1.5} />} title={t("finding.title")}>
      <Stack gap={6} maw={960}>
        {rows.map((row) => (
          <Group key={row.key} justify="space-between" wrap="nowrap" align="start">
            <Text size="sm">{t(row.words, { count: row.ids.length })}</Text>
            <Button
              size="compact-xs"
              variant="default"
              style={{ flexShrink: 0 }}
              aria-label={t("finding.selectThem", { words: t(row.words, { count: row.ids.length }) })}
              onClick={() => onSelect(row.ids)}
            >
              {t("finding.select")}
            </Button>
          </Group>
        ))}
      </Stack>
    </Alert>
  );
}
