/** All that other features may use of datasets. */
export { type Dataset, datasetQueries, type Picture } from "./queries";
