/**
 * The place of notices on every page. It stays empty until there is one. Its code comes when the page has come to rest,
 * since what a notice has to tell may be that the studio cannot be reached, and then nothing can be loaded any more.
 */
import { useEffect, useSyncExternalStore } from "react";

import { lazily } from "../lazily";

const loadBoard = () => import("./notice-board");
const Board = lazily(async () => (await loadBoard()).NoticeBoard);
const REST_MS = 1500;
const listeners = new Set<() => void>();
let isWanted = false;

/** What shows and hides notices; with it comes the place where they are shown. */
export async function noticeBoard() {
  const { notifications } = await loadBoard();
  isWanted = true;
  for (const tell of listeners) tell();
  return notifications;
}

export function Notices() {
  const isShown = useSyncExternalStore(listen, () => isWanted);
  useEffect(() => {
    const timer = setTimeout(() => {
      loadBoard().catch(() => undefined); // the first notice tries again
    }, REST_MS);
    return () => {
      clearTimeout(timer);
    };
  }, []);
  return isShown ? <Board /> : null;
}

function listen(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}
