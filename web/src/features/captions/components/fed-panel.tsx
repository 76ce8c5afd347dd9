/** What the trainer sees: the very captions that a run of this recipe feeds, step by step (E8). */
import { Badge, Button, Group, Loader, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import { formatNumber } from "@/lib/format";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import type { Book } from "../model/book";
import { captionQueries } from "../queries";
import classes from "./captions.module.css";

const MOST = 8;

export interface FedPanelProps {
  readonly datasetId: string;
  readonly book: Book;
  readonly recipe: Readonly<Record<string, unknown>>;
  /** The fields of the recipe that are about captions; they lie in another feature. */
  readonly options: ReactNode;
}

export function FedPanel({ datasetId, book, recipe, options }: FedPanelProps) {
  const { t, i18n } = useTranslation("captions");
  const [step, setStep] = useState(1);
  const [asked] = useDebouncedValue(recipe, 300);
  const body = { recipe: { ...asked }, step, most: MOST, picture_ids: null };
  const answer = useQuery(captionQueries.fed(datasetId, book.revision, body));
  const fed = answer.data;
  const numSteps = fed?.num_steps ?? 1;
  const number = (value: number) => formatNumber(value, i18n.language);
  return (
    <Stack>
      <Text size="sm">{t("fed.text")}</Text>
      {options}
      {answer.isError && <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />}
      {fed === undefined && !answer.isError && <Loader size="sm" aria-label={t("preview.trying")} />}
      {fed !== undefined && (
        <>
          <Group justify="space-between">
            <Text size="sm" className={classes.figures} role="status">
              {t("fed.steps", { step: number(step), total: number(numSteps) })}
            </Text>
            <Group gap={4}>
              <Button size="compact-sm" variant="default" disabled={step === 1} onClick={() => setStep(1)}>
                {t("fed.first")}
              </Button>
              <Button
                size="compact-sm"
                variant="default"
                disabled={step + MOST > numSteps}
                onClick={() => setStep(step + MOST)}
              >
                {t("fed.next")}
              </Button>
            </Group>
          </Group>
          <ul className={classes.fed}>
            {fed.captions.map((one, place) => (
              <li key={`${one.step}:${one.picture_id}:${place}`}>
                <Group gap="xs">
                  <Text size="xs" c="dimmed">
                    {t("fed.where", { name: one.name, epoch: number(one.epoch), step: number(one.step) })}
                  </Text>
                  <Badge size="sm" variant="light" color={one.tokens.num_tokens > one.tokens.limit ? "odo" : "gray"}>
                    {t("tokens.count", { count: one.tokens.num_tokens, limit: one.tokens.limit })}
                  </Badge>
                </Group>
                <Text size="sm">{one.fed === "" ? t("fed.nothing") : one.fed}</Text>
                {one.tokens.first_beyond !== null && (
                  <Text size="xs" c="odo">
                    {t("tokens.over", { tag: one.tokens.first_beyond })}
                  </Text>
                )}
              </li>
            ))}
          </ul>
        </>
      )}
    </Stack>
  );
}
