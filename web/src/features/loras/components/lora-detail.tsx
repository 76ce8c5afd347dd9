/** One LoRA: what it looks like, what is known of it, what one calls it and notes about it. */
import { Anchor, Badge, Button, Card, CopyButton, Group, Stack, Text, Title } from "@mantine/core";
import { IconBrush, IconCheck, IconCopy } from "@tabler/icons-react";
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { FurtherButton, furtherOfLora, runQueries } from "@/features/runs/public";
import { formatBytes, formatDateTime, formatSmall } from "@/lib/format";
import { noticeFailure } from "@/ui/feedback/notices";

import { madeFrom, shownFacts, topTags } from "../model/facts";
import { toDrawWith } from "../model/links";
import { type LoraInFull, loraQueries, useShowSample } from "../queries";
import classes from "./lora-detail.module.css";
import { LoraForm } from "./lora-form";
import { LoraJobs } from "./lora-jobs";
import { LoraMenu } from "./lora-menu";
import { LoraPicture } from "./lora-picture";

export function LoraDetail({ id }: { readonly id: string }) {
  const { t, i18n } = useTranslation("loras");
  const lora = useSuspenseQuery(loraQueries.detail(id)).data;
  const navigate = useNavigate();
  return (
    <Stack data-measure="one">
      <Anchor component={Link} {...{ to: "/loras" }} size="sm" py={4}>
        {t("detail.back")}
      </Anchor>
      <div className={classes.layout}>
        <Stack gap="sm">
          <div className={classes.picture}>
            <LoraPicture lora={lora} />
          </div>
          {lora.run_id !== null && <SampleStrip lora={lora} runId={lora.run_id} />}
        </Stack>
        <Stack>
          <Group justify="space-between" wrap="nowrap" align="start">
            <div>
              <Title order={1} size="h2">
                {lora.name}
              </Title>
              <Group gap="xs" mt={4}>
                <Badge variant="light" color="fuji">
                  {lora.family_title}
                </Badge>
                <Text size="sm" c="dimmed">
                  {formatBytes(lora.size_bytes, i18n.language)} · {formatDateTime(lora.created_at, i18n.language)}
                </Text>
              </Group>
            </div>
            <LoraMenu lora={lora} onDeleted={() => void navigate({ to: "/loras" as never })} />
          </Group>
          <Group>
            <Button
              component={Link}
              {...toDrawWith(lora.id)}
              size="md"
              leftSection={<IconBrush size={20} stroke={1.5} aria-hidden />}
            >
              {t("card.draw")}
            </Button>
            <Button component="a" href={lora.file_url} download variant="default" size="md">
              {t("detail.download")}
            </Button>
            <Further lora={lora} />
          </Group>
          {lora.run_id !== null && <FromRun runId={lora.run_id} epoch={lora.epoch} />}
          <MadeFrom lora={lora} />
          <LoraJobs loraId={lora.id} />
          <LoraForm key={lora.id} lora={lora} />
          <Facts lora={lora} />
          <FittingBaseModels id={id} />
        </Stack>
      </div>
    </Stack>
  );
}

/** With the recipe of the run that it is from, as long as that is there; else with what its file tells. */
function Further({ lora }: { readonly lora: LoraInFull }) {
  const client = useQueryClient();
  const run = useQuery({ ...runQueries.detail(lora.run_id ?? ""), enabled: lora.run_id !== null, retry: false }).data;
  const recipe = async () => {
    const models = await client.fetchQuery(loraQueries.baseModels(lora.id));
    const known = furtherOfLora(lora, models[0]?.id);
    return run === undefined ? known : { ...(await client.fetchQuery(runQueries.recipe(run.id))), ...pick(known) };
  };
  return <FurtherButton size="md" variant="default" name={lora.name} datasetId={run?.dataset_id} recipe={recipe} />;
}

const pick = ({ start_from }: Readonly<Record<string, unknown>>) => ({ start_from });

/** What a tool made it from. The LoRAs may have been renamed or deleted since; it says what they were called. */
function MadeFrom({ lora }: { readonly lora: LoraInFull }) {
  const { t } = useTranslation("loras");
  const made = madeFrom(lora.facts);
  if (made === null) return null;
  return <Text size="sm">{t(`tools.${made.tool}.made`, { of: made.of })}</Text>;
}

/** The run may have been deleted since; then nothing is said of it. */
function FromRun({ runId, epoch }: { readonly runId: string; readonly epoch: number | null }) {
  const { t } = useTranslation("loras");
  const run = useQuery({ ...runQueries.detail(runId), retry: false }).data;
  if (run === undefined) return null;
  return (
    <Text size="sm">
      {t("detail.fromRun")}{" "}
      <Anchor component={Link} {...{ to: `/runs/${runId}` }} size="sm" underline="always">
        {run.name}
      </Anchor>
      {epoch !== null && ` · ${t("card.epoch", { epoch })}`}
    </Text>
  );
}

/** The previews of its epoch; a press makes one the LoRA's own picture. */
function SampleStrip({ lora, runId }: { readonly lora: LoraInFull; readonly runId: string }) {
  const { t } = useTranslation("loras");
  const samples = useQuery({ ...runQueries.samples(runId), retry: false }).data ?? [];
  const show = useShowSample(lora.id);
  const own = samples.filter((sample) => sample.epoch === lora.epoch && !sample.is_extra);
  if (own.length < 2) return null;
  return (
    <Stack gap={4}>
      <Text size="xs" c="dimmed">
        {t("detail.samples")}
      </Text>
      <div className={classes.samples}>
        {own.map((sample) => (
          <button
            key={sample.id}
            type="button"
            className={classes.sample}
            aria-label={t("detail.showSample", { prompt: sample.prompt })}
            title={sample.prompt}
            onClick={() => show.mutate(sample.id, { onError: noticeFailure })}
          >
            <img src={sample.picture_url} alt="" loading="lazy" />
          </button>
        ))}
      </div>
    </Stack>
  );
}

function Facts({ lora }: { readonly lora: LoraInFull }) {
  const { t, i18n } = useTranslation("loras");
  const facts = shownFacts(lora.facts, (value) => formatSmall(value, i18n.language));
  const tags = topTags(lora.facts);
  return (
    <Card>
      <Stack>
        <Title order={2} size="h4">
          {t("facts.title")}
        </Title>
        <dl className={classes.facts}>
          {facts.map((fact) => (
            <div key={fact.text}>
              <dt>{t(fact.text)}</dt>
              <dd>{fact.value}</dd>
            </div>
          ))}
          <Hash name={t("facts.shortHash")} hash={lora.short_hash} />
          <Hash name={t("facts.sha256")} hash={lora.sha256} isWide />
        </dl>
        {tags.length > 0 && (
          <div>
            <Title order={3} size="h5" mb="xs">
              {t("facts.tags")}
            </Title>
            <ul className={classes.tags}>
              {tags.map(([tag, count]) => (
                <li key={tag}>
                  {tag} <span>{count}</span>
                </li>
              ))}
            </ul>
          </div>
        )}
      </Stack>
    </Card>
  );
}

function Hash(props: { readonly name: string; readonly hash: string; readonly isWide?: boolean }) {
  const { t } = useTranslation("loras");
  const { name, hash, isWide = false } = props;
  return (
    <div className={isWide ? classes.wide : undefined}>
      <dt>{name}</dt>
      <dd className={classes.hash}>
        {hash}{" "}
        <CopyButton value={hash}>
          {({ copied, copy }) => (
            <Button
              size="compact-xs"
              variant="subtle"
              color="gray"
              onClick={copy}
              aria-label={t("facts.copy", { name })}
            >
              {copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
            </Button>
          )}
        </CopyButton>
      </dd>
    </div>
  );
}

/** Where it can be used (C5), its own branch first. */
function FittingBaseModels({ id }: { readonly id: string }) {
  const { t } = useTranslation("loras");
  const models = useQuery(loraQueries.baseModels(id)).data;
  if (models === undefined) return null;
  return (
    <Card>
      <Title order={2} size="h4" mb="xs">
        {t("fitting.title")}
      </Title>
      {models.length === 0 ? (
        <Text size="sm">{t("fitting.none")}</Text>
      ) : (
        <ul className={classes.tags}>
          {models.map((model) => (
            <li key={model.id}>{model.name}</li>
          ))}
        </ul>
      )}
    </Card>
  );
}
