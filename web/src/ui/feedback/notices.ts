/** Short notices at the edge of the screen: done with a way back, or failed with the reason. */
import type { NotificationData } from "@mantine/notifications";
import i18next from "i18next";
import { createElement } from "react";

import { problemOf } from "@/api/problem";

import { noticeBoard } from "./late-notices";
import { UndoButton } from "./undo-button";

const SHOWN_MS = 8000;

function show(notice: NotificationData): void {
  void noticeBoard().then((board) => board.show(notice));
}

export function noticeFailure(error: unknown): void {
  const { isOffline } = problemOf(error);
  noticeFailureAs(i18next.t(isOffline ? "ui:problem.offline" : "ui:problem.title"), error);
}

/** With a title that says what did not come about, where that is not plain from what was pressed. */
export function noticeFailureAs(title: string, error: unknown): void {
  const problem = problemOf(error);
  show({
    color: "shu",
    title,
    message: problem.isOffline ? i18next.t("ui:problem.offlineCure") : `${problem.message} ${problem.cure}`,
    autoClose: SHOWN_MS * 2,
    closeButtonProps: { "aria-label": i18next.t("ui:close") },
  });
}

/** `onUndo` makes the notice offer the way back. */
export function noticeDone(message: string, onUndo?: () => void): void {
  const id = `done-${Date.now()}`;
  const take = () => {
    void noticeBoard().then((board) => board.hide(id));
    onUndo?.();
  };
  show({
    id,
    color: "rokusho",
    message: onUndo === undefined ? message : createElement(UndoButton, { message, onUndo: take }),
    autoClose: SHOWN_MS,
    closeButtonProps: { "aria-label": i18next.t("ui:close") },
  });
}
