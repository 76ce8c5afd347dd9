/** All that other features may use of captions: nothing yet; the route shows the editor. */
export type { CaptionEditorProps } from "./components/caption-editor";
