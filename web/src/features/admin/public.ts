/** Nobody builds on administration. */
export {};
