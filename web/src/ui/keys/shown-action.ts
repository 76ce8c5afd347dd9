/** An action with its first key, as a button's hint says it. */
import { type Action, IS_MAC, shownKeys } from "./actions";

export function shownAction(actions: readonly Action[], id: string, text: (key: string) => string): string {
  const action = actions.find((one) => one.id === id);
  if (action === undefined) return "";
  const keys = action.keys[0];
  return keys === undefined ? text(action.text) : `${text(action.text)} (${shownKeys(keys, IS_MAC)})`;
}
