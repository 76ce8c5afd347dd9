/** All base models there are: search, family, hundreds of them in a virtual list, each with its detail (C2). */
import { Button, Group, Loader, Progress, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { formatBytes, formatNumber } from "@/lib/format";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { FAMILIES } from "../model/marks";
import { type BaseModel, baseModelQueries } from "../queries";
import { BaseModelBadges } from "./base-model-badges";
import classes from "./base-model-browser.module.css";
import { BaseModelDetail } from "./base-model-detail";
import { FamilyMark } from "./family-mark";

export interface BaseModelBrowserProps {
  readonly maxHeight: number | string;
  /** With both, one is to be chosen. */
  readonly chosen?: string;
  readonly onChoose?: (id: string) => void;
  /** Told when one is looked at in a dialog of its own, and when that is closed. */
  readonly onLook?: (isLooking: boolean) => void;
}

const ROW = 84;

export function BaseModelBrowser({ maxHeight, chosen, onChoose, onLook }: BaseModelBrowserProps) {
  "use no memo";
  const { t, i18n } = useTranslation("base_models");
  const [search, setSearch] = useState("");
  const [family, setFamily] = useState("");
  const [openId, setOpenId] = useState<string | null>(null);
  useEffect(() => onLook?.(openId !== null), [onLook, openId]);
  const [asked] = useDebouncedValue(search, 250);
  const answer = useInfiniteQuery(baseModelQueries.pages(asked, family));
  const models = answer.data?.pages.flatMap((page) => page.base_models) ?? [];
  const total = answer.data?.pages[0]?.total ?? 0;
  const refused = answer.data?.pages[0]?.refused ?? [];
  const scroller = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- the compiler leaves this component alone, as it should
  const rows = useVirtualizer({
    count: models.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (place) => models[place]?.id ?? place,
    overscan: 6,
  });
  const last = rows.getVirtualItems().at(-1)?.index ?? 0;
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = answer;
  useEffect(() => {
    if (last >= models.length - 10 && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [last, models.length, fetchNextPage, hasNextPage, isFetchingNextPage]);
  return (
    <Stack gap="sm">
      <Group gap="sm" align="end">
        <TextInput
          className={classes.search}
          aria-label={t("dialog.search")}
          placeholder={t("dialog.searchFor")}
          leftSection={<IconSearch size={16} stroke={1.5} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <SegmentedControl
          aria-label={t("dialog.family")}
          value={family}
          onChange={setFamily}
          data={[
            { value: "", label: t("dialog.allFamilies") },
            ...FAMILIES.map(({ value, title }) => ({ value, label: title })),
          ]}
        />
      </Group>
      {answer.isError && <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />}
      {answer.isPending && <Loader aria-label={t("picker.loading")} />}
      {answer.isSuccess && (
        <Text size="sm" c="dimmed" role="status">
          {total === 0
            ? t("dialog.none")
            : t("dialog.count", { count: total, shown: formatNumber(total, i18n.language) })}
        </Text>
      )}
      <div ref={scroller} className={classes.scroller} style={{ maxHeight }}>
        <ul className={classes.list} style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const model = models[row.index];
            if (model === undefined) return null;
            return (
              <li
                key={row.key}
                ref={rows.measureElement}
                data-index={row.index}
                className={classes.item}
                style={{ transform: `translateY(${row.start}px)` }}
              >
                <ModelRow
                  model={model}
                  isChosen={model.id === chosen}
                  onOpen={() => setOpenId(model.id)}
                  onChoose={onChoose === undefined ? undefined : () => onChoose(model.id)}
                />
              </li>
            );
          })}
        </ul>
      </div>
      {refused.length > 0 && (
        <details>
          <summary>{t("refused.title", { count: refused.length })}</summary>
          {refused.map((reason) => (
            <Text key={reason} size="sm">
              {reason}
            </Text>
          ))}
        </details>
      )}
      {openId !== null && <BaseModelDetail id={openId} onClose={() => setOpenId(null)} />}
    </Stack>
  );
}

interface ModelRowProps {
  readonly model: BaseModel;
  readonly isChosen: boolean;
  readonly onOpen: () => void;
  readonly onChoose: (() => void) | undefined;
}

function ModelRow({ model, isChosen, onOpen, onChoose }: ModelRowProps) {
  const { t, i18n } = useTranslation("base_models");
  const facts = [
    formatBytes(model.size_bytes, i18n.language),
    model.licence,
    model.is_own ? t("detail.own") : t("detail.shared"),
  ].filter((fact) => fact !== "");
  return (
    <div className={classes.row} data-chosen={isChosen}>
      {model.has_picture ? (
        <img src={`/api/base-models/${encodeURIComponent(model.id)}/picture`} alt="" className={classes.picture} />
      ) : (
        <FamilyMark family={model.family} size={44} />
      )}
      <div className={classes.words}>
        <Group gap="xs">
          <Text fw={600} className={classes.name}>
            {model.name}
          </Text>
          <BaseModelBadges model={model} />
        </Group>
        <Text size="xs" c="dimmed" className={classes.name}>
          {facts.join(" · ")}
        </Text>
        <ModelState model={model} />
      </div>
      <Group gap={4} wrap="nowrap" className={classes.acts}>
        <Button
          size="compact-sm"
          variant="subtle"
          color="gray"
          aria-label={t("detail.openOne", { name: model.name })}
          onClick={onOpen}
        >
          {t("detail.open")}
        </Button>
        {onChoose !== undefined && (
          <Button
            size="compact-sm"
            variant="light"
            aria-label={isChosen ? undefined : t("detail.chooseOne", { name: model.name })}
            disabled={!model.can_train || isChosen}
            onClick={onChoose}
          >
            {isChosen ? t("detail.chosen") : t("detail.choose")}
          </Button>
        )}
      </Group>
    </div>
  );
}

/** What stands against it, or how far its import is. */
export function ModelState({ model }: { readonly model: BaseModel }) {
  const { t, i18n } = useTranslation("base_models");
  if (model.state === "failed")
    return (
      <Text size="sm" c="shu">
        {t("state.failed", { reason: model.reason })}
      </Text>
    );
  const done = Number(model.progress?.["done"] ?? 0);
  const total = Number(model.progress?.["total"] ?? 0);
  if (model.state === "importing" || model.progress != null) {
    const isKnown = total > 0;
    return (
      <div>
        <Progress
          size="xs"
          value={isKnown ? (done / total) * 100 : 100}
          animated={!isKnown}
          aria-label={t("state.progressOf", { name: model.name })}
        />
        <Text size="xs" c="dimmed">
          {t(model.state === "importing" ? "state.importing" : "state.hashing")}
          {isKnown && ` ${formatBytes(done, i18n.language)} / ${formatBytes(total, i18n.language)}`}
        </Text>
      </div>
    );
  }
  if (model.can_train) return null;
  return (
    <Text size="sm" c="odo.8" className={classes.against}>
      {model.why_not}
    </Text>
  );
}
