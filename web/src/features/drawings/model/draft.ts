/** The form as it was left, for as long as the browser's tab is open. */
import { type DrawingForm, formOfDraft } from "./form";

const KEY = "enogu-drawing-draft";

export function keptDraft(): DrawingForm {
  try {
    return formOfDraft(sessionStorage.getItem(KEY));
  } catch {
    return formOfDraft(null); // Storage is switched off.
  }
}

export function keepDraft(form: DrawingForm): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(form));
  } catch {
    // Storage is switched off: the form is kept until the page is left.
  }
}
