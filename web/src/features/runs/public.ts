/** All that other features may use of runs. */
export { type Epoch, type Run, runQueries, type Sample } from "./queries";
export { useRecipe, useRecipeDraft } from "./use-recipe";
