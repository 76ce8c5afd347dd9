/** The recipe of a dataset: base model, a few basic options, all others by group and by search (F1 to F32). */
import { Alert, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconHistory, IconRepeat } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import { noticeDone } from "@/ui/feedback/notices";
import { lazily } from "@/ui/lazily";
import { OptionForm } from "@/ui/option-form/option-form";
import { fieldsFor, type OptionValues, withValue } from "@/ui/option-form/option-fields";

import basics from "../options/basics.json";
import { changedBy, hasOwn, recalled } from "../model/draft";
import { nameOfStart } from "../model/further";
import { useOptionTexts } from "../model/option-texts";
import type { Recipe } from "../use-recipe";

const RecallDialog = lazily(async () => (await import("./recall-dialog")).RecallDialog);

export interface RecipePanelProps {
  readonly recipe: Recipe;
  /** What the person set. */
  readonly own: OptionValues;
  readonly onChange: (own: OptionValues) => void;
  /** What chooses the base model; it lies in another feature. */
  readonly baseModel: ReactNode;
  /** A run whose recipe is to be looked at first. */
  readonly recall?: string | undefined;
}

export function RecipePanel({ recipe, own, onChange, baseModel, recall }: RecipePanelProps) {
  const { t } = useTranslation("runs");
  const texts = useOptionTexts(recipe.schema);
  const [isRecalling, setIsRecalling] = useState(recall !== undefined);
  const replace = (next: OptionValues, message: string) => {
    const before = own;
    onChange(next);
    noticeDone(message, () => onChange(before));
  };
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2} size="h4">
          {t("recipe.title")}
        </Title>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconHistory size={16} stroke={1.5} aria-hidden />}
          onClick={() => setIsRecalling(true)}
        >
          {t("recall.open")}
        </Button>
      </Group>
      {/* There from the start: the first letter that is typed would else push its own field down. */}
      <Group gap="xs" mih={22}>
        <Text size="xs" c="dimmed">
          {t("draft.kept")}
        </Text>
        {hasOwn(own) && (
          <Button size="compact-xs" variant="subtle" color="gray" onClick={() => replace({}, t("draft.discarded"))}>
            {t("draft.discard")}
          </Button>
        )}
      </Group>
      {typeof own["start_from"] === "string" && own["start_from"] !== "" && (
        <Alert color="rokusho" icon={<IconRepeat size={18} stroke={1.5} aria-hidden />}>
          <Group justify="space-between" gap="xs">
            <Text size="sm">
              {t("further.now", { name: recipe.plan.data?.start_name || nameOfStart(own["start_from"]) })}
            </Text>
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => replace(withValue(own, "start_from", undefined), t("further.anewDone"))}
            >
              {t("further.anew")}
            </Button>
          </Group>
        </Alert>
      )}
      {baseModel}
      <OptionForm
        fields={fieldsFor(recipe.fields, recipe.family, own).filter((field) => field.path !== "base_model")}
        basics={basics}
        values={own}
        suited={recipe.suited}
        defaults={recipe.filled}
        problems={recipe.problems}
        texts={texts}
        onChange={onChange}
        onFix={(fix) => onChange(changedBy(own, recipe.suited, fix, recipe.fields))}
      />
      {isRecalling && (
        <RecallDialog
          recipe={recipe}
          first={recall}
          onTake={(values, keepsNames, name) => {
            replace(recalled(own, values, keepsNames), t("recall.taken", { name }));
            setIsRecalling(false);
          }}
          onClose={() => setIsRecalling(false)}
        />
      )}
    </Stack>
  );
}
