/** All that other features may use of LoRAs. */
export { type Lora, loraQueries } from "./queries";
