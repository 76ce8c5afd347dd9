/** Mineral pigments, ten shades each as Mantine wants them; contrasts were computed with WCAG 2's formula. */
import type { MantineColorsTuple } from "@mantine/core";

export const gunjo: MantineColorsTuple = [
  "#F2F6FE",
  "#DFEAFE",
  "#C1D7FF",
  "#9EBEFB",
  "#7EA5F1",
  "#5E88DC",
  "#4168B9",
  "#3458A4",
  "#2A4A8B",
  "#213A70",
];
export const rokusho: MantineColorsTuple = [
  "#EFF9F4",
  "#DBEFE5",
  "#BDDFCF",
  "#98CBB4",
  "#75B69A",
  "#509C7D",
  "#29785A",
  "#1B674C",
  "#155740",
  "#104632",
];
export const shu: MantineColorsTuple = [
  "#FFF3F0",
  "#FEE3DB",
  "#FFC7B9",
  "#FFA28C",
  "#F38168",
  "#DC5D44",
  "#B83B24",
  "#A22C1A",
  "#892314",
  "#6E1B10",
];
export const odo: MantineColorsTuple = [
  "#FCF5EA",
  "#F5E8D2",
  "#EAD2AE",
  "#DBB882",
  "#CA9D5A",
  "#B37F2D",
  "#916004",
  "#7E5100",
  "#6B4301",
  "#563502",
];
export const fuji: MantineColorsTuple = [
  "#F8F4FE",
  "#EEE5FB",
  "#DECDF4",
  "#CAB1E8",
  "#B596D9",
  "#9B78C2",
  "#7B59A1",
  "#6B4A8D",
  "#5A3D77",
  "#473060",
];
/** Neutrals of the dark scheme, light to dark: Mantine takes text from 0 and the page from 7. */
export const dark: MantineColorsTuple = [
  "#ECEAE5",
  "#C2BEB6",
  "#A09B92",
  "#7C776F",
  "#383633",
  "#272624",
  "#1D1C1B",
  "#151514",
  "#100F0F",
  "#0B0B0A",
];
/** Neutrals of the light scheme. */
export const gray: MantineColorsTuple = [
  "#FAF9F7",
  "#F2F0ED",
  "#E3E0DB",
  "#D2CEC7",
  "#B5B0A7",
  "#8B867E",
  "#69655E",
  "#4F4C47",
  "#35322F",
  "#1F1E1C",
];
