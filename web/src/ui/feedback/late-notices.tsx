/**
 * The place of notices on every page. It stays empty until there is one; its code comes when the page is idle. A notice
 * that is wanted before, while the studio is away, is shown when it is back.
 */
import { useSyncExternalStore } from "react";

import { lazily, loaded } from "../lazily";

const loadBoard = () => import("./notice-board");
const Board = lazily(async () => (await loadBoard()).NoticeBoard);
const listeners = new Set<() => void>();
let isWanted = false;

/** What shows and hides notices; with it comes the place where they are shown. */
export async function noticeBoard() {
  const { notifications } = await loaded(loadBoard);
  isWanted = true;
  for (const tell of listeners) tell();
  return notifications;
}

export function Notices() {
  const isShown = useSyncExternalStore(listen, () => isWanted);
  return isShown ? <Board /> : null;
}

function listen(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}
