/** What recalling a recipe would change: a few options in full, many by their group, folded (F32). */
import { Loader, ScrollArea, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { type Difference, grouped } from "../model/differences";
import { namesOf, recalled } from "../model/draft";
import { useOptionTexts } from "../model/option-texts";
import { runQueries } from "../queries";
import type { Recipe } from "../use-recipe";
import type { Candidate } from "./recall-dialog";
import classes from "./recall-dialog.module.css";

/** More are folded. */
const MOST_IN_FULL = 6;

export interface RecallDifferencesProps {
  readonly recipe: Recipe;
  readonly candidate: Candidate;
}

export function RecallDifferences({ recipe, candidate }: RecallDifferencesProps) {
  const { t } = useTranslation("runs");
  // Names that an earlier run did not have are the dataset's, as they are now.
  const after = candidate.keepsNames
    ? recalled(recipe.values, candidate.recipe, true)
    : { ...namesOf(recipe.suited), ...candidate.recipe };
  const found = useQuery(runQueries.diff(recipe.values, after));
  const texts = useOptionTexts(recipe.schema);
  if (found.isError) return <ProblemNotice error={found.error} />;
  if (found.data === undefined) return <Loader size="sm" aria-label={t("recall.title")} />;
  if (found.data.length === 0) return <Text size="sm">{t("recall.same")}</Text>;
  const title = t("recall.changes", { count: found.data.length });
  return (
    <>
      <Text size="sm" fw={600} role="status">
        {title}
      </Text>
      <ScrollArea.Autosize mah={260} viewportProps={{ tabIndex: 0, role: "region", "aria-label": title }}>
        {found.data.length <= MOST_IN_FULL ? (
          <Changes changes={found.data} recipe={recipe} />
        ) : (
          grouped(found.data, recipe.schema).map(({ section, changes }) => (
            <details key={section} className={classes.group}>
              <summary>
                <strong>{t("recall.group", { group: texts.group(section), count: changes.length })}</strong>
                <Text component="span" size="xs" c="dimmed" className={classes.names}>
                  {changes.map((one) => texts.label(one.path)).join(" · ")}
                </Text>
              </summary>
              <Changes changes={changes} recipe={recipe} />
            </details>
          ))
        )}
      </ScrollArea.Autosize>
    </>
  );
}

function Changes({ changes, recipe }: { readonly changes: readonly Difference[]; readonly recipe: Recipe }) {
  const { t } = useTranslation("runs");
  const texts = useOptionTexts(recipe.schema);
  const words = (path: string, value: unknown) => {
    if (value === null || value === undefined || value === "") return t("recall.unset");
    if (typeof value === "boolean") return t(value ? "recall.on" : "recall.off");
    if (Array.isArray(value)) return value.length === 0 ? t("recall.unset") : value.join(" / ");
    return typeof value === "string" ? texts.choice(path, value) : String(value);
  };
  return (
    <Table layout="fixed" className={classes.changes}>
      <Table.Tbody>
        {changes.map((one) => (
          <Table.Tr key={one.path}>
            <Table.Th title={one.path}>{texts.label(one.path)}</Table.Th>
            <Table.Td>{`${words(one.path, one.before)} → ${words(one.path, one.after)}`}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
