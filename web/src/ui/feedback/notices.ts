/** Short notices at the edge of the screen: done with a way back, or failed with the reason and a way on. */
import type { NotificationData } from "@mantine/notifications";
import i18next from "i18next";
import { createElement } from "react";

import { problemOf } from "@/api/problem";

import { noticeBoard } from "./late-notices";
import { NoticeButton } from "./notice-button";

const SHOWN_MS = 8000;

function show(notice: NotificationData): void {
  const closeButtonProps = { "aria-label": i18next.t("ui:close") };
  void noticeBoard().then((board) => board.show({ closeButtonProps, ...notice }));
}

/** `onPress` makes the notice offer it, by a button with this text. */
function showWith(notice: NotificationData, message: string, text: string, onPress: (() => void) | undefined): void {
  const id = `notice-${Date.now()}`;
  const take = () => {
    void noticeBoard().then((board) => board.hide(id));
    onPress?.();
  };
  const content = onPress === undefined ? message : createElement(NoticeButton, { message, text, onPress: take });
  show({ ...notice, id, message: content });
}

export function noticeFailure(error: unknown): void {
  const { isOffline } = problemOf(error);
  noticeFailureAs(i18next.t(isOffline ? "ui:problem.offline" : "ui:problem.title"), error);
}

/** With a title that says what did not come about, where that is not plain from what was pressed. */
export function noticeFailureAs(title: string, error: unknown, onAgain?: () => void): void {
  const problem = problemOf(error);
  const message = problem.isOffline ? i18next.t("ui:problem.offlineCure") : `${problem.message} ${problem.cure}`;
  showWith({ color: "shu", title, message, autoClose: SHOWN_MS * 2 }, message, i18next.t("ui:problem.retry"), onAgain);
}

/** `onUndo` makes the notice offer the way back. */
export function noticeDone(message: string, onUndo?: () => void): void {
  showWith({ color: "rokusho", message, autoClose: SHOWN_MS }, message, i18next.t("ui:undo"), onUndo);
}
