/** All that other features may use of stamina. */
export { staminaQueries } from "./queries";
