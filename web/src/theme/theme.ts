/** The one place where Mantine is given Enogu's looks. */
import { createTheme, type CSSVariablesResolver } from "@mantine/core";

import { dark, fuji, gray, gunjo, odo, rokusho, shu } from "./tokens";

const FONT = '"Noto Sans JP", "Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic Medium", Meiryo, sans-serif';

export const theme = createTheme({
  colors: { gunjo, rokusho, shu, odo, fuji, dark, gray },
  primaryColor: "gunjo",
  primaryShade: { light: 6, dark: 6 },
  autoContrast: true,
  respectReducedMotion: true,
  cursorType: "pointer",
  fontFamily: FONT,
  fontFamilyMonospace: '"Noto Sans Mono", "Noto Sans Mono CJK JP", Consolas, monospace',
  headings: { fontFamily: FONT, fontWeight: "600" },
  defaultRadius: "sm",
  radius: { xs: "4px", sm: "6px", md: "10px", lg: "14px", xl: "20px" },
  spacing: { xs: "4px", sm: "8px", md: "12px", lg: "16px", xl: "24px" },
  // By name alone: a component that is named by its own code would be loaded with the first chunk.
  components: {
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    Badge: { defaultProps: { tt: "none" } },
    Button: { defaultProps: { fw: 600 } },
    Card: { defaultProps: { withBorder: true, shadow: "none", radius: "md", padding: "md" } },
    Paper: { defaultProps: { radius: "md" } },
    Modal: { defaultProps: { radius: "lg", centered: true, overlayProps: { backgroundOpacity: 0.4 } } },
    Input: { defaultProps: { size: "sm" } },
    TextInput: { defaultProps: { size: "sm" } },
    Textarea: { defaultProps: { size: "sm" } },
    NumberInput: { defaultProps: { size: "sm" } },
    Select: { defaultProps: { size: "sm", allowDeselect: false } },
    // Its label is allowed only with a role, and is then told.
    Loader: { defaultProps: { role: "status" } },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true } },
  },
});

/** Intents that point at literals; CSS modules use only these. The well behind pictures is strictly grey. */
export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#FAF9F7",
    "--mantine-color-text": "#1F1E1C",
    "--mantine-color-dimmed": "#69655E",
    "--mantine-color-default-border": "#D2CEC7",
    "--mantine-color-anchor": "#3458A4",
    "--mantine-color-error": "#B83B24",
    "--enogu-page": "#FAF9F7",
    "--enogu-panel": "#FFFFFF",
    "--enogu-sunken": "#F2F0ED",
    "--enogu-text-second": "#4F4C47",
    "--enogu-hairline": "#E3E0DB",
    "--enogu-control": "#8B867E",
    "--enogu-well": "#E9E9E9",
    "--enogu-focus": "#4168B9",
    "--enogu-series-1": "#3458A4",
    "--enogu-series-2": "#B83B24",
    "--enogu-series-3": "#509C7D",
  },
  dark: {
    "--mantine-color-body": "#151514",
    "--mantine-color-text": "#ECEAE5",
    "--mantine-color-dimmed": "#A09B92",
    "--mantine-color-default": "#1D1C1B",
    "--mantine-color-default-border": "#4A4743",
    "--mantine-color-anchor": "#7EA5F1",
    "--mantine-color-error": "#F38168",
    "--enogu-page": "#151514",
    "--enogu-panel": "#1D1C1B",
    "--enogu-sunken": "#272624",
    "--enogu-text-second": "#C2BEB6",
    "--enogu-hairline": "#383633",
    "--enogu-control": "#7C776F",
    "--enogu-well": "#1A1A1A",
    "--enogu-focus": "#7EA5F1",
    "--enogu-series-1": "#5E88DC",
    "--enogu-series-2": "#F38168",
    "--enogu-series-3": "#BDDFCF",
  },
});
