/** Server-sent events that go on where they were cut off. One connection per subject, closed when nobody listens. */
import { pageLanguage } from "./client";

export interface LiveEvent {
  readonly id: number;
  readonly kind: string;
  readonly data: Record<string, unknown>;
}

export interface Listening {
  readonly onEvent: (event: LiveEvent) => void;
  readonly onConnection?: (isConnected: boolean) => void;
  readonly onEnd?: () => void;
}

/** The address of a stream: behind event `after`, in the page's language, since streams have no headers of their own. */
export function streamUrl(url: string, after: number): string {
  return `${url}${url.includes("?") ? "&" : "?"}after=${after}&language=${encodeURIComponent(pageLanguage())}`;
}

/** Follow `url` from after event `after`; the browser reconnects by itself with Last-Event-ID. Returns how to stop. */
export function follow(url: string, kinds: readonly string[], after: number, listening: Listening): () => void {
  const source = new EventSource(streamUrl(url, after));
  const take = (message: MessageEvent<string>) => {
    listening.onEvent({
      id: Number(message.lastEventId),
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
  source.onerror = () => listening.onConnection?.(false);
  return () => source.close();
}
