/** Words that could not be saved: why, what stands there now, and what may become of them. */
import { Alert, Button, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { type Draft, isOvertaken } from "../model/drafts";
import type { DraftStep } from "./use-drafts";

export interface HeldWordsProps {
  readonly draft: Draft;
  /** The caption as it is now. */
  readonly text: string;
  /** The words are in a field beside this. */
  readonly areShown: boolean;
  readonly onStep: (step: DraftStep) => void;
}

export function HeldWords({ draft, text, areShown, onStep }: HeldWordsProps) {
  const { t } = useTranslation("captions");
  const isOther = isOvertaken(draft, text);
  return (
    <Alert color="odo" p="xs" title={t(isOther ? "held.overtaken" : "held.title")}>
      {isOther && (
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {t("held.now", { text })}
        </Text>
      )}
      {!areShown && (
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {t("held.words", { text: draft.words })}
        </Text>
      )}
      <Group gap="xs" mt="xs">
        <Button size="compact-sm" onClick={() => onStep({ kind: "save" })}>
          {t(isOther ? "held.replace" : "held.again")}
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => onStep({ kind: "discard" })}>
          {t(isOther ? "held.keep" : "held.discard")}
        </Button>
      </Group>
    </Alert>
  );
}
