/** All that other features may use of base models. */
export { type BaseModel, baseModelQueries } from "./queries";
