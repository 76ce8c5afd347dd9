/** The captions of a dataset as they are seen, and how they are changed: at once, in one lane, with a visible way back. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import i18next from "i18next";
import { startTransition, useCallback, useMemo, useReducer, useRef } from "react";

import { problemOf } from "@/api/problem";
import { noticeFailure, noticeFailureAs } from "@/ui/feedback/notices";

import { withCaptions } from "../model/book";
import { type Command, isForeseeable, isRepeatable } from "../model/commands";
import { pendingReducer, shownBook } from "../model/pending";
import {
  captionOf,
  captionQueries,
  type Edited,
  type HistoryEntry,
  markOthersStale,
  sendEdit,
  sendUndo,
} from "../queries";

interface Change {
  readonly number: number;
  readonly command: Command;
  /** null: all pictures. */
  readonly ids: readonly string[] | null;
}

/** An edit that was made on top of one that failed. */
class NotSent extends Error {}

export function useCaptions(datasetId: string) {
  const client = useQueryClient();
  const read = useQuery(captionQueries.book(datasetId));
  const [pending, dispatch] = useReducer(pendingReducer, []);
  const numbers = useRef({ last: 0, dropped: 0 });
  const key = captionQueries.book(datasetId).queryKey;
  const lane = { id: `captions-${datasetId}` };
  const confirmed = read.data;
  const book = useMemo(
    () => (confirmed === undefined ? undefined : shownBook(confirmed, pending)),
    [confirmed, pending],
  );

  const { mutateAsync: send } = useMutation({
    scope: lane,
    networkMode: "always",
    mutationFn: ({ number, command, ids }: Change): Promise<Edited> => {
      if (number <= numbers.current.dropped) throw new NotSent();
      return sendEdit(client, datasetId, command, ids);
    },
    onSuccess: (answer, { number }) => {
      client.setQueryData(key, (before) => {
        if (before === undefined || answer.edit === null) return before;
        const about = { revision: answer.captions_revision, numToUndo: before.numToUndo + 1, numToRedo: 0 };
        return withCaptions(before, answer.captions.map(captionOf), about);
      });
      dispatch({ kind: "done", number });
      if (answer.edit !== null) markOthersStale(client, datasetId, answer.captions_revision);
    },
    onError: (error, { number }) => {
      if (error instanceof NotSent) return;
      numbers.current.dropped = numbers.current.last;
      dispatch({ kind: "failed", number });
      void client.invalidateQueries({ queryKey: key });
    },
  });

  const { mutateAsync: step, isPending: isStepping } = useMutation({
    scope: lane,
    networkMode: "always",
    mutationFn: async (isRedo: boolean): Promise<HistoryEntry> => {
      const entry = await sendUndo(datasetId, isRedo);
      await client.cancelQueries({ queryKey: key });
      await client.refetchQueries({ queryKey: key });
      markOthersStale(client, datasetId, entry.captions_revision);
      return entry;
    },
    onError: (error) => {
      noticeFailure(error);
      void client.invalidateQueries({ queryKey: key });
    },
  });

  /** Resolves with what was changed; undefined when it failed, which was said already. */
  const edit = useCallback(
    async function edit(command: Command, ids: readonly string[] | null): Promise<Edited | undefined> {
      numbers.current.last += 1;
      const number = numbers.current.last;
      if (isForeseeable(command)) {
        const all = client.getQueryData(captionQueries.book(datasetId).queryKey)?.order ?? [];
        const asked = { kind: "asked", edit: { number, command, ids: ids ?? all } } as const;
        // A change of one caption shows at once; one of many after the dialog has closed.
        if (asked.edit.ids.length <= 1) dispatch(asked);
        else startTransition(() => dispatch(asked));
      }
      try {
        return await send({ number, command, ids });
      } catch (error) {
        if (error instanceof NotSent) return undefined;
        const numLost = numbers.current.dropped - number;
        const again = () =>
          void client
            .refetchQueries({ queryKey: captionQueries.book(datasetId).queryKey })
            .then(() => edit(command, ids));
        noticeFailureAs(titleOf(error, numLost), error, numLost === 0 && isRepeatable(command) ? again : undefined);
        return undefined;
      }
    },
    [client, datasetId, send],
  );
  const undo = useCallback((isRedo = false) => step(isRedo).catch(() => undefined), [step]);

  return {
    read,
    book,
    edit,
    undo,
    isSaving: pending.length > 0 || isStepping,
    canUndo: (book?.numToUndo ?? 0) + pending.length > 0,
    canRedo: (book?.numToRedo ?? 0) > 0 && pending.length === 0,
  };
}

function titleOf(error: unknown, numLost: number): string {
  if (problemOf(error).kind === "CaptionsChanged") return i18next.t("captions:failed.conflict");
  return numLost > 0 ? i18next.t("captions:failed.several", { count: numLost + 1 }) : i18next.t("captions:failed.one");
}
