/** The one input that no basic option needs, apart so that a page does not load it first. */
export { Switch as OptionSwitch } from "@mantine/core";
