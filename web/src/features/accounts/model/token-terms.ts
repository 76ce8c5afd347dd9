/** How long a key for scripts may be good, in days; 0 is without end. */
export const TERMS = [0, 7, 30, 90, 365] as const;

export function expiryAfter(days: number, now: Date): string | null {
  return days === 0 ? null : new Date(now.getTime() + days * 86_400_000).toISOString();
}
