/** What may wait until the page has nothing else to do. */

const QUIET_MS = 3000;
const waiting: (() => Promise<unknown>)[] = [];
let due: ReturnType<typeof setTimeout> | undefined;
let usedAt = -Infinity;

/** Who types or points waits for nothing that could wait as well. */
const USED_MS = 1000;
for (const kind of ["keydown", "pointerdown"])
  window.addEventListener(kind, () => (usedAt = performance.now()), { capture: true, passive: true });

/** Done one after the other, some seconds after the page was opened; what fails is left for when it is needed. */
export function whenIdle(task: () => Promise<unknown>): void {
  if (!import.meta.env.PROD) return;
  waiting.push(task);
  clearTimeout(due);
  due = setTimeout(next, QUIET_MS);
}

function next(): void {
  const left = usedAt + USED_MS - performance.now();
  if (left > 0) {
    setTimeout(next, left);
    return;
  }
  const task = waiting.shift();
  if (task === undefined) return;
  const run = () => void task().then(next, next);
  if ("requestIdleCallback" in window) window.requestIdleCallback(run);
  else setTimeout(run, 200);
}
