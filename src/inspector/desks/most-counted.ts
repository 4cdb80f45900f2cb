/** How many entries of a table are read to count them, every few seconds, as long as a page is open. */
export const mostCounted = 100_000;
/** The same for those that have ended, which stay as long as the program keeps them. */
export const mostEndedCounted = 10_000;
