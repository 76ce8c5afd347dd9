/** What a command would change, before it is done: how many captions, and some of them before and after. */
import { Loader, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { ProblemNotice } from "@/ui/feedback/problem-notice";

import type { Book } from "../model/book";
import { captionDiff, shortened } from "../model/diff";
import type { Edited } from "../queries";
import classes from "./captions.module.css";

const MOST_SHOWN = 30;

export interface CommandPreviewProps {
  readonly book: Book;
  readonly tried: Edited | undefined;
  readonly error: unknown;
  readonly isTrying: boolean;
  readonly hasExamples: boolean;
}

export function CommandPreview({ book, tried, error, isTrying, hasExamples }: CommandPreviewProps) {
  const { t } = useTranslation("captions");
  if (error !== null && error !== undefined) return <ProblemNotice error={error} />;
  if (tried === undefined) return isTrying ? <Loader size="sm" aria-label={t("preview.trying")} /> : null;
  return (
    <Stack gap="xs">
      <Text size="sm" fw={600} role="status">
        {tried.num_changed === 0
          ? t("preview.none")
          : t("preview.count", { count: tried.num_changed, total: tried.num_selected })}
      </Text>
      {hasExamples && tried.captions.length > 0 && (
        // A list that scrolls must be reachable by keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- so that it can be scrolled by keyboard
        <ul className={classes.examples} tabIndex={0} aria-label={t("preview.examples")}>
          {tried.captions.slice(0, MOST_SHOWN).map((one) => (
            <li key={one.picture_id}>
              <Text size="xs" c="dimmed">
                {one.name}
              </Text>
              <Difference before={book.byId.get(one.picture_id)?.text ?? ""} after={one.caption} />
            </li>
          ))}
          {tried.captions.length > MOST_SHOWN && (
            <li>
              <Text size="xs" c="dimmed">
                {t("preview.more", { count: tried.captions.length - MOST_SHOWN })}
              </Text>
            </li>
          )}
        </ul>
      )}
    </Stack>
  );
}

function Difference({ before, after }: { readonly before: string; readonly after: string }) {
  const { t } = useTranslation("captions");
  return (
    <div className={classes.difference}>
      {shortened(captionDiff(before, after)).map((part, place) => {
        if (part === "gap") return <span key={place}>…</span>;
        if (part.kind === "gone")
          return (
            <del key={place}>
              <span className="visually-hidden">{t("preview.gone")}</span>
              {part.text}
            </del>
          );
        if (part.kind === "new")
          return (
            <ins key={place}>
              <span className="visually-hidden">{t("preview.new")}</span>
              {part.text}
            </ins>
          );
        return <span key={place}>{part.text}</span>;
      })}
    </div>
  );
}
