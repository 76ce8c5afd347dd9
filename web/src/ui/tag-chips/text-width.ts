/** How wide a text will be, without laying it out; remembered, for tags come again and again. */

const widths = new Map<string, number>();
let context: CanvasRenderingContext2D | null | undefined;

export function textWidth(text: string, font: string): number {
  const key = `${font}|${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (context === undefined) context = document.createElement("canvas").getContext("2d");
    if (context === null) return text.length * 8;
    context.font = font;
    width = context.measureText(text).width;
    if (widths.size > 50_000) widths.clear();
    widths.set(key, width);
  }
  return width;
}
