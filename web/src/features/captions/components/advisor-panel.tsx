/** The trait advisor: tags to delete so that the trigger absorbs them, each with its reason and its tick (E6). */
import { Accordion, Button, Checkbox, Group, Loader, SegmentedControl, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { EmptyState } from "@/ui/feedback/empty-state";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { IconBulb } from "@tabler/icons-react";

import { type Book, numHaving } from "../model/book";
import type { KnownTag } from "../model/union";
import { type Advice, captionQueries, type Level } from "../queries";
import classes from "./captions.module.css";

const KINDS: Record<string, string> = {
  hair: "captions:kind.hair",
  eyes: "captions:kind.eyes",
  ears: "captions:kind.ears",
  horns: "captions:kind.horns",
  skin: "captions:kind.skin",
  body: "captions:kind.body",
  character: "captions:kind.character",
  headwear: "captions:kind.headwear",
  clothes: "captions:kind.clothes",
  legwear: "captions:kind.legwear",
  accessory: "captions:kind.accessory",
  count: "captions:kind.count",
  view: "captions:kind.view",
  expression: "captions:kind.expression",
  pose: "captions:kind.pose",
  background: "captions:kind.background",
  style: "captions:kind.style",
  sentence: "captions:kind.sentence",
};
const REASONS: Record<string, string> = {
  shared_identity: "captions:reason.identity",
  shared_outfit: "captions:reason.outfit",
  promptable: "captions:reason.promptable",
  not_shared: "captions:reason.notShared",
  outfit_kept: "captions:reason.outfitKept",
  not_known: "captions:reason.notKnown",
};

export interface AdvisorPanelProps {
  readonly datasetId: string;
  readonly book: Book;
  readonly known: ReadonlyMap<string, KnownTag>;
  readonly onDelete: (tags: readonly string[]) => void;
}

export function AdvisorPanel({ datasetId, book, known, onDelete }: AdvisorPanelProps) {
  const { t } = useTranslation("captions");
  const [level, setLevel] = useState<Level>("identity");
  const [kept, setKept] = useState<ReadonlySet<string>>(new Set());
  const answer = useQuery(captionQueries.advice(datasetId, level, book.revision));
  const advice: Advice | undefined = answer.data;
  const ticked = (advice?.proposals ?? []).filter((one) => !kept.has(one.key)).map((one) => one.key);
  const numTouched = numHaving(book, book.order, new Set(ticked));
  const toggle = (key: string) => {
    const changed = new Set(kept);
    if (!changed.delete(key)) changed.add(key);
    setKept(changed);
  };
  return (
    <Stack>
      <Text size="sm">
        {t("advisor.text", { trigger: book.trigger === "" ? t("advisor.noTrigger") : book.trigger })}
      </Text>
      <SegmentedControl
        fullWidth
        aria-label={t("advisor.level")}
        value={level}
        onChange={(value) => setLevel(value as Level)}
        data={[
          { value: "identity", label: t("advisor.identity") },
          { value: "outfit", label: t("advisor.outfit") },
        ]}
      />
      <Text size="sm" c="dimmed">
        {level === "identity" ? t("advisor.identityHelp") : t("advisor.outfitHelp")}
      </Text>
      {answer.isError && <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />}
      {advice === undefined && !answer.isError && <Loader size="sm" aria-label={t("preview.trying")} />}
      {advice !== undefined && advice.proposals.length === 0 && (
        <EmptyState
          icon={<IconBulb size={32} stroke={1.5} aria-hidden />}
          title={t("advisor.nothing")}
          text={t("advisor.nothingText")}
        />
      )}
      {advice !== undefined && advice.proposals.length > 0 && (
        <>
          <div>
            {advice.proposals.map((one) => (
              <div key={one.key} className={classes.proposal}>
                <Checkbox
                  checked={!kept.has(one.key)}
                  onChange={() => toggle(one.key)}
                  label={<TagName tag={one.key} known={known} />}
                  description={<Reason one={one} />}
                />
              </div>
            ))}
          </div>
          <Group pos="sticky" bottom={0} py="sm" bg="var(--mantine-color-body)">
            <Button color="shu" fullWidth disabled={ticked.length === 0} onClick={() => onDelete(ticked)}>
              {t("advisor.apply", {
                count: ticked.length,
                fromPictures: t("advisor.pictures", { count: numTouched }),
              })}
            </Button>
          </Group>
        </>
      )}
      {advice !== undefined && advice.kept.length > 0 && (
        <Accordion variant="separated">
          <Accordion.Item value="kept">
            <Accordion.Control>{t("advisor.kept", { count: advice.kept.length })}</Accordion.Control>
            <Accordion.Panel>
              {advice.kept.map((one) => (
                <div key={one.key} className={classes.proposal}>
                  <Text size="sm">
                    <TagName tag={one.key} known={known} />
                  </Text>
                  <Text size="xs" c="dimmed">
                    <Reason one={one} />
                  </Text>
                </div>
              ))}
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
      )}
    </Stack>
  );
}

function TagName({ tag, known }: { readonly tag: string; readonly known: ReadonlyMap<string, KnownTag> }) {
  const translation = known.get(tag)?.translation ?? "";
  return (
    <>
      {tag}
      {translation !== "" && (
        <Text span size="xs" c="dimmed" ms="xs">
          {translation}
        </Text>
      )}
    </>
  );
}

function Reason({ one }: { readonly one: Advice["proposals"][number] | Advice["kept"][number] }) {
  const { t } = useTranslation("captions");
  const kind = KINDS[one.kind];
  const reason = REASONS[one.reason_code];
  if (reason === undefined) return <>{one.reason}</>;
  const parts = { count: one.count, total: one.num_pictures, kind: kind === undefined ? one.kind : t(kind) };
  return <>{t(reason, parts)}</>;
}
