/** What is typed as prose: saved when one leaves the field, and kept in sight where that did not come about. */
import { useRef, useState } from "react";

import { useSteady } from "@/lib/use-steady";

import type { Book } from "../model/book";
import type { Command } from "../model/commands";
import { type Draft, type Drafts, held, noDrafts, onLeaving, typed, without } from "../model/drafts";
import type { Edited } from "../queries";

/** How long another page waits for the answer to a save before it is asked whether to go there all the same. */
const LONGEST_MS = 3000;

export type DraftStep =
  | { readonly kind: "type"; readonly words: string }
  | { readonly kind: "leave" }
  | { readonly kind: "save" }
  | { readonly kind: "discard" };

type Edit = (command: Command, ids: readonly string[]) => Promise<Edited | undefined>;

export function useDrafts(book: Book | undefined, edit: Edit) {
  const [drafts, setDrafts] = useState(noDrafts);
  const latest = useRef(drafts);
  const sent = useRef(new Set<Promise<void>>());
  const change = (next: Drafts) => {
    latest.current = next;
    setDrafts(next);
  };
  const send = (id: string, draft: Draft) => {
    change(without(latest.current, id));
    const saving = edit({ kind: "set", text: draft.words }, [id]).then((done) => {
      sent.current.delete(saving);
      if (done === undefined) change(held(latest.current, id, draft));
    });
    sent.current.add(saving);
  };
  const leave = (id: string) => {
    const draft = latest.current.get(id);
    const deed = onLeaving(draft, book?.byId.get(id)?.text ?? "");
    if (draft === undefined || deed === "nothing") return;
    if (deed === "save") send(id, draft);
    else if (deed === "hold") change(held(latest.current, id, draft));
    else change(without(latest.current, id));
  };
  const step = useSteady((id: string, taken: DraftStep) => {
    const draft = latest.current.get(id);
    if (taken.kind === "type") change(typed(latest.current, id, taken.words, book?.byId.get(id)?.text ?? ""));
    else if (taken.kind === "leave") leave(id);
    else if (taken.kind === "discard") change(without(latest.current, id));
    else if (draft !== undefined) send(id, draft);
  });
  /** Whether words are left that are not saved, after all was tried. */
  const saveAll = useSteady(async () => {
    for (const id of latest.current.keys()) leave(id);
    await Promise.race([Promise.all(sent.current), new Promise((resolve) => setTimeout(resolve, LONGEST_MS))]);
    return latest.current.size > 0 || sent.current.size > 0;
  });
  return { drafts, step, saveAll };
}
