/** Numbers, sizes, durations and dates as the chosen language writes them. No React. */

/** Making one takes longer than what it writes, and a page of tags writes hundreds. */
const numberFormats = new Map<string, Intl.NumberFormat>();

export function formatNumber(value: number, locale: string, digits = 0): string {
  const name = `${locale} ${digits}`;
  const format = numberFormats.get(name) ?? new Intl.NumberFormat(locale, { maximumFractionDigits: digits });
  numberFormats.set(name, format);
  return format.format(value);
}

/** Three or four significant digits, for losses and learning rates: 0.1234, 1e-4. */
export function formatSmall(value: number, locale: string): string {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(2).replace(/\.?0+e/, "e");
  return new Intl.NumberFormat(locale, { maximumSignificantDigits: 4 }).format(value);
}

export function formatBytes(bytes: number, locale: string): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const style = { style: "unit", unit: units[power] ?? "byte", unitDisplay: "short" } as const;
  return new Intl.NumberFormat(locale, { ...style, maximumFractionDigits: power > 1 ? 1 : 0 }).format(
    bytes / 1000 ** power,
  );
}

/** As graphics cards are sold: a card of 12 GB has 12 × 2³⁰ bytes. */
export function formatMemory(bytes: number, locale: string): string {
  const style = { style: "unit", unit: "gigabyte", unitDisplay: "short" } as const;
  const digits = bytes < 2 ** 31 ? 2 : 1;
  return new Intl.NumberFormat(locale, { ...style, maximumFractionDigits: digits }).format(bytes / 2 ** 30);
}

/** The two largest units that matter: 2 h 5 min, 3 min 20 s, 8 s. */
export function formatDuration(seconds: number, locale: string): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), "day"],
    [Math.floor((whole % 86400) / 3600), "hour"],
    [Math.floor((whole % 3600) / 60), "minute"],
    [whole % 60, "second"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return unit(0, "second", locale);
  return parts
    .slice(first, first + 2)
    .filter(([count], place) => place === 0 || count > 0)
    .map(([count, name]) => unit(count, name, locale))
    .join(" ");
}

export function formatDateTime(iso: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

export function formatTime(iso: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(new Date(iso));
}

function unit(count: number, name: string, locale: string): string {
  return new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "short" }).format(count);
}
