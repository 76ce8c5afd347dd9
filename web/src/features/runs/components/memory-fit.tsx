/** What a run lacks in memory on the studio's best device, and what would make it fit: each change, and the least set. */
import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconCpu2 } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { components } from "@/api/schema";
import { formatMemory } from "@/lib/format";

import type { PlannedRun } from "../queries";
import classes from "./memory-fit.module.css";

type Cure = components["schemas"]["MemoryCureShown"];
type CureKind = Cure["kinds"][number];

export interface MemoryFitProps {
  readonly plan: PlannedRun;
  readonly onFix: (changes: Record<string, unknown>) => void;
}

export function MemoryFit({ plan, onFix }: MemoryFitProps) {
  const { t, i18n } = useTranslation("runs");
  const words = useCureWords();
  const { memory, memory_cures: cures, memory_fit: fit } = plan;
  if (memory?.fits !== false) return null;
  const size = (bytes: number) => formatMemory(bytes, i18n.language);
  const device = memory.on_graphics_card ? memory.device_name || t("memory.card") : t("memory.machine");
  return (
    <Alert
      color="odo"
      icon={<IconCpu2 size={20} stroke={1.5} aria-hidden />}
      title={t(memory.on_graphics_card ? "memory.titleCard" : "memory.titleMain")}
    >
      <Stack gap="sm">
        <Text size="sm">
          {t("memory.text", { needed: size(memory.total), device, capacity: size(memory.capacity ?? 0) })}
        </Text>
        {fit != null && fit.fits && (
          <div className={classes.together}>
            <ul className={classes.names}>
              {fit.kinds.map((kind) => (
                <li key={kind}>{words(kind, fit)}</li>
              ))}
            </ul>
            <Button onClick={() => onFix(fit.changes)}>
              {t(memory.on_graphics_card ? "memory.fitCard" : "memory.fitMain", { size: size(fit.total) })}
            </Button>
          </div>
        )}
        {fit?.fits !== true && (
          <Text size="sm" fw={600}>
            {fit == null ? t("memory.nothing") : t("memory.never", { size: size(fit.total) })}
          </Text>
        )}
        {cures.length > 0 && (
          <details>
            <summary className={classes.summary}>{t(fit?.fits === true ? "memory.each" : "memory.less")}</summary>
            <ul className={classes.list}>
              {cures.map((cure) => (
                <CureRow
                  key={cure.kinds.join()}
                  name={cure.kinds.map((kind) => words(kind, cure)).join()}
                  after={t(cure.fits ? "memory.afterFits" : "memory.after", { size: size(cure.total) })}
                  onTake={() => onFix(cure.changes)}
                />
              ))}
            </ul>
          </details>
        )}
      </Stack>
    </Alert>
  );
}

interface CureRowProps {
  readonly name: string;
  readonly after: string;
  readonly onTake: () => void;
}

function CureRow({ name, after, onTake }: CureRowProps) {
  const { t } = useTranslation("runs");
  return (
    <li>
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="sm">
          {name}
          <Text span size="xs" className={classes.after}>
            {after}
          </Text>
        </Text>
        <Button
          size="compact-sm"
          variant="default"
          className={classes.take}
          aria-label={t("memory.take", { name })}
          onClick={onTake}
        >
          {t("memory.change")}
        </Button>
      </Group>
    </li>
  );
}

/** A cure in words, with the values that it sets by the names of their fields. */
function useCureWords(): (kind: CureKind, cure: Cure) => string {
  const { t } = useTranslation("runs");
  return (kind, { changes }) => {
    const named = Object.fromEntries(
      Object.entries(changes).map(([path, value]) => [path.split(".").pop() ?? path, value]),
    );
    return t(`cure.${kind}`, { ...named, count: Number(named["blocks_to_swap"] ?? 0) });
  };
}
