/** All that other features may use of runs. */
export { completedRecipe, type Epoch, type Run, runQueries, type Sample } from "./queries";
export { FurtherButton } from "./components/further-button";
export { furtherOfLora, furtherOfRun, startOfRun } from "./model/further";
export { useRecipe, useRecipeDraft } from "./use-recipe";
