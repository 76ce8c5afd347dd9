/** Server-sent events that go on where they were cut off. One connection per subject, closed when nobody listens. */
import { pageLanguage } from "./client";

export interface LiveEvent {
  readonly id: number;
  readonly kind: string;
  readonly data: Record<string, unknown>;
}

export interface Listening {
  readonly onEvent: (event: LiveEvent) => void;
  /** False while the line is cut; true when it holds, at first and again. */
  readonly onConnection?: (isConnected: boolean) => void;
  readonly onEnd?: () => void;
}

/** Before a stream is asked for anew that the browser has given up. */
const AGAIN_MS = 3000;

/** The address of a stream: behind event `after`, in the page's language, since streams have no headers of their own. */
export function streamUrl(url: string, after: number): string {
  return `${url}${url.includes("?") ? "&" : "?"}after=${after}&language=${encodeURIComponent(pageLanguage())}`;
}

/**
 * Follow `url` from after event `after`. Returns how to stop.
 *
 * When the line is cut the browser reconnects by itself with Last-Event-ID. It gives up for good when something else
 * answers, as a proxy does while the studio starts; then we ask again.
 */
export function follow(url: string, kinds: readonly string[], after: number, listening: Listening): () => void {
  let last = after;
  let again: ReturnType<typeof setTimeout> | undefined;
  const open = (): EventSource => {
    const source = new EventSource(streamUrl(url, last));
    const take = (message: MessageEvent<string>) => {
      if (message.lastEventId !== "") last = Number(message.lastEventId);
      listening.onEvent({
        id: last,
        kind: message.type,
        data: JSON.parse(message.data) as Record<string, unknown>,
      });
    };
    for (const kind of kinds) source.addEventListener(kind, take);
    source.addEventListener("over", () => {
      source.close();
      listening.onEnd?.();
    });
    source.onopen = () => listening.onConnection?.(true);
    source.onerror = () => {
      listening.onConnection?.(false);
      if (source.readyState === EventSource.CLOSED) again = setTimeout(() => (current = open()), AGAIN_MS);
    };
    return source;
  };
  let current = open();
  return () => {
    clearTimeout(again);
    current.close();
  };
}
