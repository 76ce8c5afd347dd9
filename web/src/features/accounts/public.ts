/** All that other features may use of accounts. */
export { accountQueries } from "./queries";
