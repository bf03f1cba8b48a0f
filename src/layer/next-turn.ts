/** Lets the event loop have a turn, as node:timers/promises does, to load which takes a short run longer than its turns. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
