/** A mark of our own for each family of base models; its name stands beside it, so it is not read out. */
import classes from "./family-mark.module.css";

export interface FamilyMarkProps {
  readonly family: string;
  readonly size?: number;
}

/** SD1.5 one drop of paint, SD2 two, SDXL a large one with light in it, Flux a stream; others an empty palette. */
export function FamilyMark({ family, size = 40 }: FamilyMarkProps) {
  return (
    <svg width={size} height={size} viewBox="0 0 40 40" className={classes.mark} data-family={family} aria-hidden>
      <rect width="40" height="40" rx="10" className={classes.ground} />
      <g className={classes.paint}>{SHAPES[family] ?? SHAPES["other"]}</g>
    </svg>
  );
}

const DROP = "M0 -10 C5 -3 8 0.5 8 4.5 A8 8 0 0 1 -8 4.5 C-8 0.5 -5 -3 0 -10 Z";
const SHAPES: Readonly<Record<string, React.ReactNode>> = {
  sd15: <path d={DROP} transform="translate(20 21)" />,
  sd2: (
    <>
      <path d={DROP} transform="translate(14.5 22) scale(0.72)" />
      <path d={DROP} transform="translate(26 19) scale(0.72)" opacity="0.65" />
    </>
  ),
  sdxl: (
    <>
      <path d={DROP} transform="translate(20 21.5) scale(1.35)" />
      <path
        d="M14 25 a6.4 6.4 0 0 0 5.4 5.6"
        fill="none"
        stroke="var(--enogu-panel)"
        strokeWidth="2.2"
        strokeLinecap="round"
      />
    </>
  ),
  flux: (
    <>
      <path d="M6 16 C12 8 16 8 20 14 S28 20 34 12" className={classes.line} />
      <path d="M6 23 C12 15 16 15 20 21 S28 27 34 19" className={classes.line} opacity="0.75" />
      <path d="M6 30 C12 22 16 22 20 28 S28 34 34 26" className={classes.line} opacity="0.5" />
    </>
  ),
  other: (
    <>
      <circle cx="20" cy="20" r="10" fill="none" className={classes.line} />
      <circle cx="16" cy="17" r="1.8" />
      <circle cx="23" cy="16" r="1.8" />
      <circle cx="25" cy="22" r="1.8" />
    </>
  ),
};
